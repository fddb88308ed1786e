"""The page docs/cli.md, made from the table of commands."""

from velocity_local.cli.command import Argument, Command
from velocity_local.cli.commands import COMMANDS, GROUPS
from velocity_local.cli.parser import PROGRAM

_HEAD = """\
# Commands

Made by `make docs` from the table in `velocity_local/cli/commands.py`.

Data goes to standard output, everything else to standard error. `--json` prints one document whose
`schema` field names its shape and version. Colour and moving lines appear only on a terminal, and
not when `NO_COLOR` is set. `--host URL` or `VELOCITY_HOST` speaks to a daemon elsewhere, with
`VELOCITY_API_KEY` as the key. `--quiet` leaves notes and progress out. Every command has `--help`.

| exit status | meaning |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | wrong usage |
| 3 | no daemon answers |
| 4 | not found; for `start`, the port belongs to another program |
| 5 | does not fit this machine |
| 6 | a gate of the lens failed |
| 130 | interrupted |
"""


def page() -> str:
    """The whole page."""
    parts = [_HEAD]
    for group in GROUPS:
        parts.append(f"\n## {group}\n")
        parts += [_section(command) for command in COMMANDS if command.group == group]
    return "".join(parts)


def _section(command: Command) -> str:
    arguments = " ".join(_synopsis(argument) for argument in command.arguments)
    lines = [f"\n### {command.name}\n", f"`{PROGRAM} {command.name} {arguments}".rstrip() + "`", ""]
    also = "".join(f" Also `{alias}`." for alias in command.aliases)
    lines.append(f"{command.summary[0].upper()}{command.summary[1:]}.{also}")
    if command.details:
        lines += ["", command.details]
    if command.arguments:
        lines += ["", "| | |", "|---|---|"]
        lines += [_row(argument) for argument in command.arguments]
    return "\n".join(lines) + "\n"


def _synopsis(argument: Argument) -> str:
    if not argument.is_option:
        name = argument.names[0].upper()
        return f"[{name}]" if argument.is_optional else name
    return f"[{argument.names[-1]}{f' {argument.metavar}' if argument.metavar else ''}]"


def _row(argument: Argument) -> str:
    name = ", ".join(argument.names) if argument.is_option else argument.names[0].upper()
    if argument.metavar:
        name += f" {argument.metavar}"
    more = f" ({', '.join(argument.choices)})" if argument.choices else ""
    if argument.default is not None:
        more += f"; default {argument.default}"
    return f"| `{name}` | {argument.help}{more} |"
