"""Writes the reference pages of docs/ from the code: `--write`, or `--check` that they are current.

docs/cli.md comes from the table of commands, docs/configuration.md from the settings, the
schema of the lens's results from their types.
"""

import ast
import inspect
import itertools
import sys
import typing
from pathlib import Path

import msgspec

from velocity_local.cli import reference
from velocity_local.config import keys, settings
from velocity_local.core.sampling import RANGES
from velocity_local.lens.schema import results_schema_text

ROOT = Path(__file__).resolve().parents[1]
_HEAD = """\
# Settings

Made by `make docs` from `velocity_local/config/settings.py`.

A setting's value is the first of: a flag (`velocity-local start --set server.port=9000`), an
environment variable (`VELOCITY_SERVER_PORT=9000`), the configuration file, the default. Lists are
comma separated or JSON. What is wrong stops the start and is named; nothing is guessed.

    velocity-local config path                      where the file is
    velocity-local config get                       every setting in force, and its origin
    velocity-local config set server.port 9000      change one, keeping comments
    velocity-local config validate                  read it as the daemon does

The file is TOML, a table for each section:

    [server]
    port = 9000

`VELOCITY_HOME` puts configuration, data, logs and models into one folder instead of the platform's
own places.
"""


def pages() -> dict[Path, str]:
    """Every generated page with its text."""
    return {
        ROOT / "docs" / "cli.md": reference.page(),
        ROOT / "docs" / "configuration.md": configuration(),
        ROOT / "docs" / "lens-results.schema.json": results_schema_text(),
    }


def configuration() -> str:
    """The page of settings."""
    parts = [_HEAD]
    for section, struct in keys.SECTIONS.items():
        summary = inspect.cleandoc(struct.__doc__ or "")
        parts.append(f"\n## {section}\n\n{summary}\n\n")
        meanings = _meanings(struct)
        parts.append("| setting | meaning | type | default |\n|---|---|---|---|\n")
        parts += [_row(section, field, meanings) for field in msgspec.structs.fields(struct)]
    return "".join(parts)


def _row(section: str, field: msgspec.structs.FieldInfo, meanings: dict[str, str]) -> str:
    default = msgspec.json.encode(field.default).decode()
    meaning = meanings.get(field.name, "")
    kind = _type(field.type)
    if field.name in RANGES and section == "sampling":
        kind += _between(*RANGES[field.name])
    return f"| `{section}.{field.name}` | {meaning} | {kind} | `{default}` |\n"


def _meanings(struct: type[msgspec.Struct]) -> dict[str, str]:
    """The text below each field of a section."""
    classes = [
        node
        for node in ast.parse(inspect.getsource(inspect.getmodule(struct) or settings)).body
        if isinstance(node, ast.ClassDef) and node.name == struct.__name__
    ]
    found = {}
    for field, text in itertools.pairwise(classes[0].body):
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            name = field.target if isinstance(field, ast.AnnAssign) else None
            if isinstance(name, ast.Name):
                found[name.id] = str(text.value.value)
    return found


def _type(annotation: object) -> str:
    """As a user writes it, in JSON's words, with the numbers that are allowed."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        meta = arguments[1]
        low = meta.ge if meta.ge is not None else meta.gt
        return _type(arguments[0]) + ("" if low is None else _between(low, meta.le))
    if origin is typing.Literal:
        return ", ".join(f"`{value}`" for value in arguments)
    if origin is tuple:
        return f"list of {_type(arguments[0])}"
    if arguments:
        return " or ".join(_type(argument) for argument in arguments)
    return _WORDS.get(annotation, str(annotation))


def _between(low: float, high: float) -> str:
    return f", {_number(low)} to {_number(high)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:g}"


_WORDS: dict[object, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    type(None): "null",
}


def main(arguments: list[str]) -> int:
    stale = [
        path for path, text in pages().items() if not path.exists() or path.read_text() != text
    ]
    if arguments == ["--write"]:
        for path in stale:
            path.write_text(pages()[path], encoding="utf-8")
        return 0
    for path in stale:
        sys.stderr.write(f"{path.relative_to(ROOT)} is not current; run: make docs\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
