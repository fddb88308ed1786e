"""The file: who may open it, how it is brought up to date, what happens to a damaged one."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.unit.daemon.store.rows import row
from velocity_local.daemon.store import migrations, requests
from velocity_local.daemon.store.database import (
    Damaged,
    DatabaseTooNew,
    check_version,
    open_reader,
    open_writer,
)

NOW = len(migrations.STEPS)


def add_note(connection: sqlite3.Connection) -> None:
    connection.execute("ALTER TABLE requests ADD COLUMN note TEXT")


def fail_late(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE half (x)")
    connection.execute("INSERT INTO nowhere VALUES (1)")


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "history.db"
    with closing(open_writer(path)) as connection:
        requests.save(connection, row("old"))
    return path


def test_a_new_file_is_private_and_safe(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    with closing(open_writer(path)) as connection:
        values = {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "foreign_keys", "trusted_schema", "secure_delete",
                         "user_version", "fullfsync")
        }  # fmt: skip
        modes = {each.name: each.stat().st_mode & 0o777 for each in tmp_path.iterdir()}
    assert values == {"journal_mode": "wal", "foreign_keys": 1, "trusted_schema": 0,
                      "secure_delete": 1, "user_version": NOW, "fullfsync": 1}  # fmt: skip
    assert modes["history.db"] == 0o600
    assert set(modes.values()) == {0o600}


def test_an_up_to_date_file_is_opened_without_sqlite_utils(file: Path) -> None:
    import subprocess
    import sys

    program = (
        "import sys; from pathlib import Path; from velocity_local.daemon.store import database;"
        f"database.open_writer(Path({str(file)!r})).close();"
        "sys.exit('sqlite_utils' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_reader_cannot_write(file: Path) -> None:
    with closing(open_reader(file)) as connection:
        assert requests.get(connection, "old") == row("old")
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            requests.delete(connection, "old")


@pytest.mark.parametrize("has_log", [False, True], ids=["in the file", "only in the log"])
def test_a_file_of_a_later_release_is_not_touched(file: Path, has_log: bool) -> None:
    later = sqlite3.connect(file, isolation_level=None)
    later.execute(f"PRAGMA user_version = {NOW + 1}")
    if not has_log:
        later.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        later.close()
    files = sorted(each for each in file.parent.iterdir() if each.suffix != ".db-shm")
    before = [digest(each) for each in files]
    for attempt in (check_version, open_writer):
        with pytest.raises(DatabaseTooNew, match="install the newer release again"):
            attempt(file)
    assert [digest(each) for each in files] == before
    if has_log:
        later.close()


def test_an_older_file_is_backed_up_and_brought_up_to_date(file: Path) -> None:
    steps = (*migrations.STEPS, add_note)
    with closing(open_writer(file, steps=steps)) as connection:
        assert requests.get(connection, "old") == row("old")
        assert connection.execute("SELECT note FROM requests").fetchall() == [(None,)]
        assert connection.execute("PRAGMA user_version").fetchone() == (NOW + 1,)
    backup = file.with_name(f"history.db.v{NOW}.backup")
    assert backup.stat().st_mode & 0o777 == 0o600
    with closing(open_reader(backup)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (NOW,)
        assert requests.get(connection, "old") == row("old")


def test_a_step_that_fails_is_undone_and_tried_again(file: Path) -> None:
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        open_writer(file, steps=(*migrations.STEPS, add_note, fail_late))
    with closing(open_writer(file, steps=(*migrations.STEPS, add_note))) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        assert "half" not in names
        assert connection.execute("PRAGMA user_version").fetchone() == (NOW + 1,)
        assert requests.get(connection, "old") == row("old")


def test_a_new_file_needs_no_backup(tmp_path: Path) -> None:
    open_writer(tmp_path / "history.db").close()
    assert [each.name for each in tmp_path.iterdir()] == ["history.db"]


def test_what_is_no_database_is_moved_aside(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    for content in (b"not a database at all" * 100, b"again" * 500):
        path.write_bytes(content)
        with closing(open_writer(path)) as connection:
            requests.save(connection, row("new"))
    assert path.with_name("history.db.damaged-1").read_bytes().startswith(b"not a database")
    assert path.with_name("history.db.damaged-2").read_bytes().startswith(b"again")


def test_damage_inside_is_found_when_looked_for(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[4096 + 200 : -4096] = b"\xff" * (len(content) - 4096 - 200 - 4096)
    file.write_bytes(content)
    open_writer(file).close()
    with closing(open_writer(file, is_suspect=True)) as connection:
        assert requests.get(connection, "old") is None
    assert file.with_name("history.db.damaged-1").read_bytes() == bytes(content)
    assert issubclass(Damaged, sqlite3.DatabaseError)


def test_a_link_in_the_files_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "history.db").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        open_writer(tmp_path / "history.db")
    assert not (tmp_path / "elsewhere").exists()


RELEASED = {
    "m001_requests": "c4813b6d13464be6",
    "m002_loads": "771d0c328f6de849",
    "m003_energy": "e3eeb643c0c811e8",
    "m004_speculation": "e1999b0daee7f818",
    "m005_conversations": "eb27d2d318a8052e",
    "m006_sorted_requests": "0f81e6dd298e4033",
}


def test_released_steps_never_change() -> None:
    """A database may have seen a step long ago, so what it should be is a new step."""
    digests = {}
    with closing(sqlite3.connect(":memory:")) as connection:
        for step in migrations.STEPS:
            step(connection)
            schema = [sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master") if sql]
            squeezed = " ".join("\n".join(schema).split())
            digests[step.__name__] = hashlib.sha256(squeezed.encode()).hexdigest()[:16]
    assert digests == RELEASED
