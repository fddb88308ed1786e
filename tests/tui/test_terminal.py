"""The command on a real terminal, from its first byte to its last."""

import os
import select
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.process.cli.shell import COMMAND, Shell
from tests.support.terminals import on_terminal

pytestmark = pytest.mark.process
TIMEOUT_S = 30.0
CTRL_Q = b"\x11"
LEAVES_SCREEN = b"\x1b[?1049l"


class Typed:
    """A command on a terminal of its own; `seen` holds all it wrote."""

    def __init__(self, process: "subprocess.Popen[bytes]", terminal: int) -> None:
        self.process = process
        self._terminal = terminal
        self.seen = b""

    def wait_for(self, piece: bytes) -> None:
        deadline_s = time.monotonic() + TIMEOUT_S
        while piece not in self.seen:
            assert time.monotonic() < deadline_s, self.seen[-2000:]
            self._read()

    def press(self, keys: bytes) -> None:
        os.write(self._terminal, keys)

    def leave(self) -> int:
        self.press(CTRL_Q)
        deadline_s = time.monotonic() + TIMEOUT_S
        while self.process.poll() is None:
            assert time.monotonic() < deadline_s, self.seen[-2000:]
            self._read()
        self._read()
        return self.process.returncode

    def _read(self) -> None:
        if select.select([self._terminal], [], [], 0.05)[0]:
            try:
                self.seen += os.read(self._terminal, 65536)
            except OSError:  # the other end is closed
                return


@contextmanager
def typed(shell: Shell, arguments: Sequence[str], **environ: str) -> Iterator[Typed]:
    environment = {**shell.environ, "TERM": "xterm-256color", **environ}
    with on_terminal([*COMMAND, *arguments], environment) as (process, terminal):
        yield Typed(process, terminal)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "home")


@pytest.mark.parametrize("arguments", [[], ["tui"], ["tui", "--host", "127.0.0.1:9"]])
def test_it_opens_says_how_things_are_and_leaves_the_terminal_as_it_was(
    shell: Shell, arguments: list[str]
) -> None:
    with typed(shell, arguments) as running:
        running.wait_for(b"No daemon")
        assert running.leave() == 0
        assert LEAVES_SCREEN in running.seen


def test_no_color_draws_without_colour(shell: Shell) -> None:
    with typed(shell, ["tui"], NO_COLOR="1", COLORTERM="truecolor") as running:
        running.wait_for(b"No daemon")
        running.leave()
    colours = {
        tuple(part.split(b";")[2:5])
        for part in running.seen.replace(b"m", b"\x1b[").split(b"\x1b[")
        if part.startswith((b"38;2;", b"48;2;"))
    }
    assert all(len(set(colour)) == 1 for colour in colours)


def test_alt_with_a_digit_goes_to_a_screen_on_a_real_terminal(shell: Shell) -> None:
    with typed(shell, ["tui"]) as running:
        running.wait_for(b"No daemon")
        running.press(b"\x1b5")
        running.wait_for(b"Where its time went")
        assert running.leave() == 0
