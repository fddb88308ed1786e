import io

import pytest
from progress import Progress, parse_step


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Ticks:
    """A clock that is ten seconds further at each look."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 10.0
        return self.seconds


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("  [12/193] /usr/bin/g++ -O3\n", (12, 193)),
        ("Progress 5242880 of 76600000\n", (5242880, 76600000)),
        ("-- Performing Test X\n", None),
        ("[0/0] nothing\n", None),
        ("see [3/4] in the text\n", None),
    ],
)
def test_steps_are_read_from_ninja_and_pip(line: str, expected: tuple[int, int] | None) -> None:
    assert parse_step(line) == expected


def test_a_terminal_sees_one_line_with_count_and_time() -> None:
    screen = Terminal()
    progress = Progress("compiling", guess_s=240, stream=screen, now=Ticks())
    progress.feed("[50/100] cc a.c\n")
    shown = screen.getvalue()
    assert "\n" not in shown
    assert "50%  50/100  0:10, about 0:10 left" in shown


def test_before_the_first_steps_the_guess_tells_the_time_left() -> None:
    screen = Terminal()
    Progress("compiling", guess_s=240, stream=screen, now=Ticks()).tick()
    assert "about 3:50 left" in screen.getvalue()


def test_elsewhere_one_plain_line_for_each_tenth() -> None:
    log = io.StringIO()
    progress = Progress("compiling", stream=log, now=Ticks())
    for step in range(1, 101):
        progress.feed(f"[{step}/100] cc\n")
    lines = log.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0].split()[0] == "10"


def test_marked_lines_count_against_a_total() -> None:
    log = io.StringIO()
    progress = Progress("packages", marker="Collecting ", total=2, stream=log, now=Ticks())
    progress.feed("Collecting anyio==4\n")
    progress.feed("  Downloading anyio\n")
    progress.feed("Collecting idna==3\n")
    assert [line.split()[0] for line in log.getvalue().splitlines()] == ["50", "100"]
