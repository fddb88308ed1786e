import os
from pathlib import Path

import pytest

from velocity_local.client.daemon import LocalDaemon, parse_address
from velocity_local.config.paths import locate
from velocity_local.config.runtime import DaemonRecord, InstanceLock, write_record


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("127.0.0.1:9000", "http://127.0.0.1:9000"),
        ("box", "http://box:8621"),
        ("http://box:9000/v1/", "http://box:9000"),
        ("https://models.example/local", "https://models.example/local"),
        ("http://[::1]:9000", "http://[::1]:9000"),
    ],
)
def test_an_address_may_be_short(text: str, expected: str) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text", ["", "http://", "ftp://box", "box:99999", "http://me:secret@box", "http://box?x=1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|port"):
        parse_address(text)


def local_daemon(home: Path) -> LocalDaemon:
    paths = locate({"VELOCITY_HOME": str(home)})
    paths.create()
    return LocalDaemon(paths)


def note(local: LocalDaemon) -> DaemonRecord:
    record = DaemonRecord(os.getpid(), "127.0.0.1", 1, "http://127.0.0.1:1", "0.1.0", 1.0)
    write_record(local.paths.daemon_file, record)
    return record


def test_a_note_without_a_living_daemon_counts_for_nothing(tmp_path: Path) -> None:
    local = local_daemon(tmp_path)
    note(local)
    assert not local.is_running()
    assert local.record() is None


def test_the_note_of_a_living_daemon_is_believed(tmp_path: Path) -> None:
    local = local_daemon(tmp_path)
    lock = InstanceLock(local.paths.lock_file)
    assert lock.acquire()
    record = note(local)
    assert local.record() == record
    lock.release()


def test_a_torn_note_is_no_note(tmp_path: Path) -> None:
    local = local_daemon(tmp_path)
    lock = InstanceLock(local.paths.lock_file)
    assert lock.acquire()
    local.paths.daemon_file.write_text('{"pid": 1')
    assert local.is_running()
    assert local.record() is None
    lock.release()
