"""Writes docs/openai-fields.md from the table of fields.

Run as `python -m velocity_local.daemon.server.openai.fields_page docs/openai-fields.md`.
"""

import sys
from pathlib import Path

import msgspec

from velocity_local.daemon.server.openai.fields import TABLES, Effect, Field

_INTRODUCTION = """\
# What becomes of every field

Generated from `velocity_local/daemon/server/openai/fields.py`, which also enforces it; a test
holds it against the official client's types and exercises every row.

No field is ignored in silence. A field is honoured; or it has no effect by its nature and says so
here; or it is refused with status 400, code `unsupported_parameter` and its name in `param`. A
field that is in no table is refused too, with code `unknown_parameter`. null always means the
default.
"""


def markdown() -> str:
    """The whole page."""
    return "\n".join([_INTRODUCTION, *(_section(*item) for item in TABLES.items())])


def _section(endpoint: str, fields: tuple[Field, ...]) -> str:
    counts = ", ".join(
        f"{sum(field.effect is effect for field in fields)} {effect.name.lower().replace('_', ' ')}"
        for effect in Effect
        if any(field.effect is effect for field in fields)
    )
    rows = "\n".join(_row(field) for field in fields)
    return (
        f"## {endpoint}\n\n{len(fields)} fields: {counts}.\n\n"
        f"| field | what happens | details |\n|---|---|---|\n{rows}\n"
    )


def _row(field: Field) -> str:
    values = ", ".join(f"`{msgspec.json.encode(value).decode()}`" for value in field.only)
    taken = f"taken: {values}; " if values else ""
    return f"| `{field.name}` | {field.effect.value} | {taken}{field.note} |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(markdown(), encoding="utf-8")
