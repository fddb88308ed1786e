import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.cli.terminal import cli
from velocity_local.cli.commands import COMMANDS

ASK = """\
source "$1"
shift
COMP_WORDS=(velocity-local "$@")
COMP_CWORD=$#
_velocity_local
printf '%s\\n' "${COMPREPLY[@]}"
"""


def completed(folder: Path, *words: str) -> list[str]:
    """What bash offers for the last word."""
    bash = shutil.which("bash")
    assert bash is not None, "these tests need bash, as the engine's build does"
    script = folder / "completion.bash"
    script.write_text(cli("completion", "bash").out)
    command = [bash, "-c", ASK, "ask", str(script), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["st"], ["start", "stop", "status"]),
        (["history", ""], ["list", "show", "export", "delete"]),
        (["history", "export", "--f"], ["--format"]),
        (["run", "demo", "--te"], ["--temperature"]),
        (["ls", "--j"], ["--json"]),
        (["config", "get", "server.p"], ["server.port"]),
        (["completion", "z"], ["zsh"]),
    ],
)
def test_bash_offers_what_fits(tmp_path: Path, words: list[str], offered: list[str]) -> None:
    assert completed(tmp_path, *words) == offered


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_knows_every_command_and_option(shell: str) -> None:
    script = cli("completion", shell).out
    for command in COMMANDS:
        assert command.name.split()[-1] in script
        for argument in command.arguments:
            if argument.is_option:
                assert argument.names[-1].lstrip("-") in script


def test_fish_quotes_what_a_help_text_may_hold() -> None:
    for line in cli("completion", "fish").out.splitlines():
        assert line.replace("\\'", "").count("'") % 2 == 0, line
