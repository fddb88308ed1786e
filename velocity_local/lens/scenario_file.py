"""Reads a scenario from a TOML, YAML or JSON file, with values of the environment put in.

`${NAME}` in a text is the environment variable, `${NAME:-text}` has a default, `$${` is `${`.
Whatever is wrong is told with file, line and key.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import msgspec
import yaml

from velocity_local.lens import loads, scenarios
from velocity_local.lens.errors import BadScenario
from velocity_local.lens.positions import line_of
from velocity_local.lens.reading import read_text
from velocity_local.lens.scenarios import Scenario

MAX_FILE_BYTES = 1024 * 1024
_VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_PLACE = re.compile(r"^(.*?)(?: - at `(?:key in )?\$(.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"unknown field `(.*?)`")

Tree = dict[str, Any]
_PARSERS: dict[str, Callable[[str], Any]] = {
    ".toml": tomllib.loads,
    ".yaml": yaml.safe_load,
    ".yml": yaml.safe_load,
    ".json": json.loads,
}


@dataclass(frozen=True, slots=True)
class Document:
    """A scenario as it was written, not checked yet. `flags` says which flag gave a key."""

    tree: Tree = field(default_factory=dict)
    name: str = ""
    text: str = ""
    flags: Mapping[str, str] = field(default_factory=dict)

    def with_flags(self, given: Mapping[str, tuple[str, object]]) -> "Document":
        """Keys set by flags: dotted key to the flag's name and value; None was not given."""
        tree = _copied(self.tree)
        said = {key: pair for key, pair in given.items() if pair[1] is not None}
        for key, (_, value) in said.items():
            _put(tree, key, value)
        flags = {**self.flags, **{key: flag for key, (flag, _) in said.items()}}
        return Document(tree, self.name, self.text, flags)

    def scenario(self) -> Scenario:
        """The scenario, checked.

        Raises:
            BadScenario: naming file and line, or the flag, and the key.
        """
        try:
            return msgspec.convert(self.tree, Scenario, strict=False)
        except msgspec.ValidationError as error:
            raise BadScenario(self._explained(str(error))) from error

    def _explained(self, message: str) -> str:
        match = _PLACE.match(message)
        assert match is not None
        reason, key = match.group(1), (match.group(2) or "").strip(".")
        unknown = _UNKNOWN.search(reason)
        if unknown is not None:
            parent, name = key, unknown.group(1)
            key = f"{parent}.{name}".strip(".")
            reason = f"there is no such key{_near(parent, name, self.tree)}"
        return f"{self._place(key)}: {reason}"

    def _place(self, key: str) -> str:
        for given, flag in self.flags.items():
            if key == given or key.startswith((f"{given}.", f"{given}[")):
                return f"{flag} ({key})"
        if not self.name:
            return key or "the scenario"
        line = line_of(self.text, key, is_toml=self.name.endswith(".toml"))
        where = f"{self.name}:{line}" if line is not None else self.name
        return f"{where}: {key}" if key else where


def read(path: Path, environ: Mapping[str, str]) -> Document:
    """The document in a file.

    Raises:
        BadScenario: if it cannot be read, is broken, or names a variable that is not set.
    """
    text = read_text(path, most=MAX_FILE_BYTES)
    tree = _parsed(path, text)
    document = Document(tree, str(path), text)
    return Document(_filled(tree, environ, document, ""), str(path), text)


def _parsed(path: Path, text: str) -> Tree:
    parse = _PARSERS.get(path.suffix.lower())
    if parse is None:
        raise BadScenario(f"{path}: a scenario's file ends in {', '.join(_PARSERS)}")
    try:
        tree = parse(text)
    except tomllib.TOMLDecodeError as error:
        raise BadScenario(f"{path}: {error}") from error
    except json.JSONDecodeError as error:
        raise BadScenario(f"{path}:{error.lineno}: {error.msg}") from error
    except yaml.YAMLError as error:
        raise BadScenario(_yaml_message(path, error)) from error
    except RecursionError as error:
        raise BadScenario(f"{path} is nested too deeply") from error
    if not isinstance(tree, dict):
        raise BadScenario(f"{path} holds no keys: a scenario is a table, see docs/lens.md")
    return tree


def _yaml_message(path: Path, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or "is not YAML"
    return f"{path}:{mark.line + 1}: {problem}" if mark is not None else f"{path}: {problem}"


def _filled(value: Any, environ: Mapping[str, str], document: Document, key: str) -> Any:
    match value:
        case str():
            return _substituted(value, environ, document, key)
        case dict():
            return {
                name: _filled(each, environ, document, f"{key}.{name}".strip("."))
                for name, each in value.items()
            }
        case list():
            return [_filled(x, environ, document, f"{key}[{i}]") for i, x in enumerate(value)]
        case _:
            return value


def _substituted(text: str, environ: Mapping[str, str], document: Document, key: str) -> str:
    def replaced(match: re.Match[str]) -> str:
        name, default = match.group(1), match.group(2)
        if name is None:
            return "${"
        found = environ.get(name, default)
        if found is None:
            place = document._place(key)  # noqa: SLF001 - the same module's
            raise BadScenario(f"{place}: the environment variable {name} is not set")
        return found

    return _VARIABLE.sub(replaced, text)


def _copied(tree: Tree) -> Tree:
    return {k: _copied(v) if isinstance(v, dict) else v for k, v in tree.items()}


def _put(tree: Tree, key: str, value: object) -> None:
    *parents, name = key.split(".")
    for parent in parents:
        below = tree.setdefault(parent, {})
        if not isinstance(below, dict):
            raise BadScenario(f"{key}: {parent} is no table")
        tree = below
    tree[name] = value


def _near(parent: str, name: str, tree: Tree) -> str:
    known = _known(parent, tree)
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known)}"


def _known(parent: str, tree: Tree) -> list[str]:
    """The keys that there are below `parent`."""
    if not parent:
        return [each.name for each in msgspec.structs.fields(Scenario)]
    section = tree.get(parent)
    kind = section.get("kind") if isinstance(section, dict) else None
    for struct in _STRUCTS.get(parent, ()):
        config = struct.__struct_config__
        if config.tag is None or config.tag == kind:
            return [each.name for each in msgspec.structs.fields(struct)]
    return []


_STRUCTS: dict[str, tuple[type[msgspec.Struct], ...]] = {
    "target": (scenarios.Target,),
    "workload": get_args(scenarios.Workload),
    "load": get_args(loads.AnyLoad),
    "patience": (scenarios.Patience,),
    "retries": (scenarios.Retries,),
    "quota": (scenarios.Quota,),
    "slo": (scenarios.Slo,),
}
