import sys
from pathlib import Path

import pytest
from machine import SetupError
from process import run_logged


class Ear:
    def __init__(self) -> None:
        self.lines: list[str] = []
        self.is_closed = False

    def feed(self, line: str) -> None:
        self.lines.append(line)

    def tick(self) -> None:
        pass

    def close(self) -> None:
        self.is_closed = True


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_output_goes_to_the_log_and_to_the_listener(tmp_path: Path) -> None:
    ear = Ear()
    log = tmp_path / "log"
    run_logged(python("print('one'); print('two')"), log=log, listener=ear)
    assert ear.lines == ["one\n", "two\n"]
    assert ear.is_closed
    assert log.read_text().endswith("one\ntwo\n")


def test_a_failure_shows_the_tail_and_names_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = "import sys\nfor n in range(100): print('line', n)\nsys.exit(3)"
    with pytest.raises(SetupError) as failure:
        run_logged(python(code), log=log, hint="do this instead")
    told = str(failure.value)
    assert "line 99" in told
    assert "line 50" not in told
    assert str(log) in told
    assert told.endswith("do this instead")


def test_a_fault_far_above_the_end_is_shown(tmp_path: Path) -> None:
    code = "print('a.c:1: error: no such header')\nfor n in range(99): print(n)\nexit(1)"
    with pytest.raises(SetupError, match="no such header"):
        run_logged(python(code), log=tmp_path / "log")


def test_bytes_that_are_no_text_do_not_stop_it(tmp_path: Path) -> None:
    ear = Ear()
    code = r"import sys; sys.stdout.buffer.write(b'\xff\xfe\n')"
    run_logged(python(code), log=tmp_path / "log", listener=ear)
    assert len(ear.lines) == 1
