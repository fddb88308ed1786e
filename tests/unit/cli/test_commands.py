import importlib

import pytest

from tests.unit.cli.terminal import cli
from velocity_local.cli.command import Command
from velocity_local.cli.commands import COMMANDS, GROUPS
from velocity_local.cli.parser import build, parse

NAMED = pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)


@NAMED
def test_every_command_names_a_function_that_exists(command: Command) -> None:
    module, _, name = command.target.partition(":")
    assert callable(getattr(importlib.import_module(module), name))


@NAMED
def test_every_command_has_help(command: Command) -> None:
    ran = cli(*command.name.split(), "--help")
    assert ran.status == 0
    assert command.summary[1:] in " ".join(ran.out.split())
    for argument in command.arguments:
        assert argument.help
        assert argument.names[0] in ran.out or argument.names[0].upper() in ran.out


@NAMED
def test_every_list_and_look_can_be_json(command: Command) -> None:
    reads = {
        "status", "ps", "list", "show", "history list", "history show", "conversations list",
        "doctor", "config get",
    }  # fmt: skip
    flags = {name for argument in command.arguments for name in argument.names}
    assert command.name not in reads or "--json" in flags


def test_names_and_aliases_are_unique() -> None:
    names = [name for command in COMMANDS for name in (command.name, *command.aliases)]
    assert len(names) == len(set(names))


def test_every_command_is_in_a_group_of_the_overview() -> None:
    overview = cli("--help").out
    assert {command.group for command in COMMANDS} == set(GROUPS)
    assert [command.name for command in COMMANDS if command.name not in overview] == []


def test_an_alias_is_the_command_itself() -> None:
    assert parse(["ls", "--json"])[0].name == "list"


def test_nothing_asked_shows_the_overview() -> None:
    assert cli().out == cli("--help").out


def test_a_family_without_its_object_shows_what_there_is() -> None:
    ran = cli("history")
    assert ran.status == 0
    assert "history export" in ran.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["strat"], "'strat' is no command\n  try: velocity-local start"),
        (["frobnicate"], "try: velocity-local --help"),
        (["history", "lst"], "'history lst' is no command"),
        (["run"], "the following arguments are required: MODEL"),
        (["start", "--port", "high"], "argument --port: invalid int value: 'high'"),
        (["ps", "--jso"], "unrecognized arguments: --jso"),
        (["completion", "powershell"], "invalid choice: 'powershell'"),
    ],
)
def test_wrong_usage_is_status_2_and_says_what_to_type(arguments: list[str], told: str) -> None:
    ran = cli(*arguments)
    assert ran.status == 2
    assert told in ran.err
    assert ran.out == ""


def test_options_may_stand_before_and_after_the_model() -> None:
    parser = build(next(command for command in COMMANDS if command.name == "run"))
    given = parser.parse_args(["--temperature", "0", "demo", "hello", "--seed", "7"])
    assert (given.model, given.prompt, given.temperature, given.seed) == ("demo", "hello", 0.0, 7)
