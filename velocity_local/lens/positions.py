"""Where in a file a key stands. For messages only: what cannot be found has no line."""

import re

import yaml

_TABLE = re.compile(r"^\s*\[\[?([^\]]+)\]\]?")
_NAME = r"""(?:[\w-]+|"[^"]*"|'[^']*')"""
_KEY = re.compile(rf"^\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*=")
_PART = re.compile(_NAME)


def line_of(text: str, key: str, *, is_toml: bool) -> int | None:
    """The line, from 1, of a dotted key, or of the nearest table around it."""
    path = [part for part in re.split(r"[.\[\]]+", key) if part]
    return _line_in_toml(text, path) if is_toml else _line_in_yaml(text, path)


def _line_in_toml(text: str, path: list[str]) -> int | None:
    table: list[str] = []
    best, best_depth = None, 0
    for number, line in enumerate(text.split("\n"), 1):
        found_table, found_key = _TABLE.match(line), _KEY.match(line)
        if found_table is not None:
            table = here = _parts(found_table.group(1))
        elif found_key is not None:
            here = table + _parts(found_key.group(1))
        else:
            continue
        if here == path[: len(here)] and len(here) > best_depth:
            best, best_depth = number, len(here)
    return best


def _parts(dotted: str) -> list[str]:
    return [part.strip("\"'") for part in _PART.findall(dotted)]


def _line_in_yaml(text: str, path: list[str]) -> int | None:
    """JSON is read as the YAML that it is."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return None
    line = None
    for part in path:
        step = _step(node, part)
        if step is None:
            break
        line, node = step
    return line


def _step(node: yaml.Node | None, part: str) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == part:
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and part.isdecimal() and int(part) < len(node.value):
        value = node.value[int(part)]
        return value.start_mark.line + 1, value
    return None
