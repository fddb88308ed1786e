"""The daemon's log: one line each, no secrets, bounded, never in the way."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from velocity_local.config import logs
from velocity_local.config.logfile import RotatingFile, numbered, tail, worker_log
from velocity_local.config.logs import Log
from velocity_local.config.redact import Redactor
from velocity_local.config.settings import LogSettings


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    logger = logging.getLogger()
    level = logger.level
    yield logger
    logger.setLevel(level)


def opened(path: Path, redactor: Redactor | None = None, **settings: int) -> Log:
    log = Log(path, LogSettings(**settings), redactor or Redactor())  # type: ignore[arg-type] # ints only
    log.open()
    return log


def test_a_record_is_one_line_with_time_level_logger_and_request(
    tmp_path: Path, root: logging.Logger
) -> None:
    log = opened(tmp_path / "d.log")
    token = logs.request_id.set("req_1")
    logging.getLogger("velocity_local.x").warning("two\nlines %s", "\x1b[31mred\u202e")
    logs.request_id.reset(token)
    log.close()
    [line] = tail(tmp_path / "d.log", 10)
    when, rest = line.split(" ", 1)
    assert when.endswith("Z")
    assert len(when) == 24
    assert rest == r"warning velocity_local.x [req_1] two\nlines \x1b[31mred\u202e"
    assert (tmp_path / "d.log").stat().st_mode & 0o777 == 0o600


def test_secrets_are_gone_from_messages_and_tracebacks(
    tmp_path: Path, root: logging.Logger
) -> None:
    redactor = Redactor()
    redactor.register("correct-horse")
    log = opened(tmp_path / "d.log", redactor)
    try:
        raise ValueError("correct-horse and sk-abcdefghijklmnopqrst")
    except ValueError:
        logging.getLogger("x").exception("failed with %s", "correct-horse")
    log.close()
    text = (tmp_path / "d.log").read_text()
    assert "correct-horse" not in text
    assert "sk-abc" not in text
    assert "ValueError" in text
    assert text.count("\n") == 1


def test_the_level_is_kept_and_a_long_message_is_cut(tmp_path: Path, root: logging.Logger) -> None:
    log = opened(tmp_path / "d.log")
    logging.getLogger("x").debug("not this")
    logging.getLogger("x").info("y" * 100_000)
    log.close()
    [line] = tail(tmp_path / "d.log", 10)
    assert len(line) < 33_000
    assert line.endswith("(100000 characters)")


def test_a_terminal_gets_the_same_lines(tmp_path: Path, root: logging.Logger) -> None:
    terminal = io.StringIO()
    also = logging.StreamHandler(terminal)
    log = Log(tmp_path / "d.log", LogSettings(), Redactor(), also=also)
    log.open()
    logging.getLogger("x").info("Bearer abcdefghijkl\x07")
    log.close()
    assert terminal.getvalue() == (tmp_path / "d.log").read_text()
    assert r"Bearer [redacted]\x07" in terminal.getvalue()


def test_a_full_queue_drops_and_counts(
    tmp_path: Path, root: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "QUEUE_RECORDS", 0)
    log = opened(tmp_path / "d.log")
    for _ in range(3):
        logging.getLogger("x").info("never written")
    log.close()
    assert log.lost_records == 3
    assert tail(tmp_path / "d.log", 10) == []


def test_files_rotate_within_their_bounds(tmp_path: Path) -> None:
    path = tmp_path / "d.log"
    file = RotatingFile(path, max_bytes=100, count=3)
    for number in range(100):
        file.write(b"%09d\n" % number)
    file.close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.log", "d.log.1", "d.log.2"]
    assert all(p.stat().st_size <= 100 for p in tmp_path.iterdir())
    assert tail(path, 1) == ["000000099"]
    assert [int(line) for line in tail(path, 25)] == list(range(75, 100))
    assert file.lost == 0


def test_one_file_is_emptied_at_its_bound(tmp_path: Path) -> None:
    file = RotatingFile(tmp_path / "d.log", max_bytes=20, count=1)
    for number in range(5):
        file.write(b"%09d\n" % number)
    file.close()
    assert tail(tmp_path / "d.log", 10) == ["000000004"]


@pytest.mark.parametrize("fault", ["delete", "rename"])
def test_a_file_taken_away_is_made_anew(tmp_path: Path, fault: str) -> None:
    path = tmp_path / "d.log"
    file = RotatingFile(path, max_bytes=1000, count=3)
    file.write(b"one\n")
    path.unlink() if fault == "delete" else path.rename(tmp_path / "moved")
    file.write(b"two\n")
    file.close()
    assert path.read_text() == "two\n"


def test_lines_that_cannot_be_written_are_counted_and_told_later(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    file = RotatingFile(folder / "d.log", max_bytes=1000, count=3)
    file.write(b"one\n")
    file.write(b"two\n")
    assert file.lost == 2
    folder.mkdir()
    file.write(b"three\n")
    file.close()
    assert tail(folder / "d.log", 9) == ["(2 lines could not be written here)", "three"]


def test_a_full_disk_tears_at_most_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    real = os.write
    path = tmp_path / "d.log"
    file = RotatingFile(path, max_bytes=1000, count=3)
    monkeypatch.setattr(os, "write", lambda handle, data: real(handle, data[:2]))
    file.write(b"half\n")
    monkeypatch.setattr(os, "write", real)
    file.write(b"whole\n")
    file.close()
    assert path.read_text() == "ha\n(1 lines could not be written here)\nwhole\n"


def test_tail_reads_the_end_of_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "d.log"
    path.write_bytes(b"x" * 2_000_000 + b"\nlast \xff\n")
    assert tail(path, 5) == ["last \ufffd"]
    assert tail(path, 0) == tail(tmp_path / "none", 5) == []
    assert numbered(path, 2).name == "d.log.2"


def test_each_model_has_a_log_of_its_own(tmp_path: Path) -> None:
    names = ["demo", "org/name:Q4", "org_name_Q4", "../up", "con", "x" * 500, "ä", "ö"]
    files = [worker_log(tmp_path, name) for name in names]
    assert len(set(files)) == len(files)
    assert all(file.parent == tmp_path and len(file.name) < 120 for file in files)
    assert files[0].name == "model-demo.log"
