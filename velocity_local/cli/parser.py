"""Builds the argument parser from the table of commands."""

import argparse
import difflib
from collections.abc import Sequence
from typing import NoReturn

from velocity_local.cli.command import Argument, Command
from velocity_local.cli.commands import COMMANDS, GROUPS, QUIET, families
from velocity_local.cli.exits import CliError, Exit

PROGRAM = "velocity-local"
_WIDTH = 18


class UsageError(CliError):
    """The arguments do not fit the table."""

    def __init__(self, message: str, *, next_step: str) -> None:
        super().__init__(message, code=Exit.USAGE, next_step=next_step)


class HelpRequested(Exception):
    """Help was asked for; `text` is it."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class _Parser(argparse.ArgumentParser):
    """Raises instead of printing and leaving."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(message, next_step=f"{self.prog} --help")

    def print_help(self, file: object = None) -> None:  # noqa: ARG002 - argparse's signature
        raise HelpRequested(self.format_help())


def parse(arguments: Sequence[str]) -> tuple[Command, argparse.Namespace]:
    """The command that `arguments` name, and what was given to it.

    Raises:
        UsageError: if they name none, or do not fit it.
        HelpRequested: if they ask for help, or are empty.
    """
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        raise HelpRequested(overview())
    if arguments[0] in {"-V", "--version"}:
        arguments = ["version", *arguments[1:]]
    command, rest = _find(list(arguments))
    return command, build(command).parse_args(rest)


def build(command: Command) -> argparse.ArgumentParser:
    """The parser of one command."""
    parser = _Parser(
        prog=f"{PROGRAM} {command.name}",
        description=f"{command.summary[0].upper()}{command.summary[1:]}.",
        epilog=command.details or None,
        allow_abbrev=False,
    )
    for argument in (*command.arguments, QUIET):
        _add(parser, argument)
    return parser


def overview() -> str:
    """The help of the whole program."""
    lines = [f"usage: {PROGRAM} COMMAND [ARGUMENTS]", ""]
    for group in GROUPS:
        lines.append(group)
        lines += [
            f"  {', '.join((command.name, *command.aliases)):{_WIDTH}}{command.summary}"
            for command in COMMANDS
            if command.group == group
        ]
        lines.append("")
    lines.append(f"{PROGRAM} COMMAND --help tells more. Exit status: 0 done, 1 failed, 2 usage,")
    lines.append("3 no daemon, 4 not found, 5 does not fit, 6 gate failed, 130 interrupted.")
    return "\n".join(lines) + "\n"


def _find(arguments: list[str]) -> tuple[Command, list[str]]:
    first = _ALIASES.get(arguments[0], arguments[0])
    family = families().get(first)
    if family is None:
        near = difflib.get_close_matches(first, [*families(), *_ALIASES], n=1)
        hint = f"{PROGRAM} {near[0]}" if near else f"{PROGRAM} --help"
        raise UsageError(f"{arguments[0]!r} is no command", next_step=hint)
    if len(family) == 1 and family[0].name == first:
        return family[0], arguments[1:]
    second = arguments[1] if len(arguments) > 1 else "--help"
    for command in family:
        if command.name == f"{first} {second}":
            return command, arguments[2:]
    if second in {"-h", "--help"}:
        raise HelpRequested(_family_help(first, family))
    raise UsageError(f"'{first} {second}' is no command", next_step=f"{PROGRAM} {first} --help")


def _family_help(first: str, family: list[Command]) -> str:
    lines = [f"usage: {PROGRAM} {first} COMMAND [ARGUMENTS]", ""]
    lines += [f"  {command.name:{_WIDTH}}{command.summary}" for command in family]
    return "\n".join(lines) + "\n"


def _add(parser: argparse.ArgumentParser, argument: Argument) -> None:
    if argument.is_switch:
        parser.add_argument(*argument.names, help=argument.help, action="store_true")
        return
    action = parser.add_argument(
        *argument.names,
        help=argument.help,
        metavar=argument.metavar or argument.names[0].upper(),
        type=argument.parse,
        default=[] if argument.takes_rest else argument.default,
        choices=argument.choices or None,
        action="append" if argument.takes_rest else "store",
    )
    if argument.is_optional:
        action.nargs = "?"
        action.required = False


_ALIASES = {alias: command.name for command in COMMANDS for alias in command.aliases}
