import subprocess
import sys
import threading
from pathlib import Path

from velocity_local.config.runtime import (
    DaemonRecord,
    InstanceLock,
    read_record,
    write_record,
)

RECORD = DaemonRecord(
    pid=7, host="127.0.0.1", port=8621, base_url="http://127.0.0.1:8621", version="0", started_s=1.0
)
HOLDER = """
import sys
from pathlib import Path
from velocity_local.config.runtime import InstanceLock
lock = InstanceLock(Path(sys.argv[1]))
print(lock.acquire(), flush=True)
sys.stdin.read()
"""


def test_a_second_process_does_not_get_the_lock_until_the_first_has_gone(tmp_path: Path) -> None:
    path = tmp_path / "daemon.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert InstanceLock(path).is_held_elsewhere()
        assert not InstanceLock(path).acquire()
        holder.kill()
    assert not InstanceLock(path).is_held_elsewhere()


def test_a_passing_look_at_the_lock_does_not_keep_it_from_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "daemon.lock"
    looker, owner = InstanceLock(path), InstanceLock(path)
    assert looker.acquire()
    timer = threading.Timer(0.1, looker.release)
    timer.start()
    assert owner.acquire_patiently()
    timer.join()
    assert not InstanceLock(path).acquire_patiently()
    owner.release()


def test_the_holder_signs_and_a_signature_without_its_lock_counts_for_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "daemon.lock"
    lock, looker = InstanceLock(path), InstanceLock(path)
    assert lock.acquire()
    assert looker.holder_pid() is None
    lock.sign(123_456)
    lock.sign(77)
    assert looker.holder_pid() == 77
    lock.release()
    assert looker.holder_pid() is None
    assert lock.acquire()
    assert looker.holder_pid() == 77
    lock.release()


def test_no_lock_file_means_nobody_holds_it(tmp_path: Path) -> None:
    assert not InstanceLock(tmp_path / "none").is_held_elsewhere()


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_record(tmp_path / "daemon.json", RECORD)
    assert read_record(tmp_path / "daemon.json") == RECORD


def test_a_torn_record_reads_as_none(tmp_path: Path) -> None:
    (tmp_path / "daemon.json").write_bytes(b'{"pid": 7,')
    assert read_record(tmp_path / "daemon.json") is None
    assert read_record(tmp_path / "absent.json") is None
