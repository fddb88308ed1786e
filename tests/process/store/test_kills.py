"""The history is killed at any instant and nothing acknowledged is missing afterwards.

The ledger of what was sent and acknowledged is kept here, outside the process that is killed.
"""

import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from velocity_local.core.killpoints import EXIT_STATUS, POINTS
from velocity_local.daemon.store import migrations
from velocity_local.daemon.store.database import open_writer

pytestmark = pytest.mark.process


@dataclass
class Ledger:
    sent: set[str] = field(default_factory=set)
    acked: set[str] = field(default_factory=set)

    def note(self, lines: list[str]) -> None:
        for line in lines:
            kind, _, request_id = line.partition(" ")
            {"sent": self.sent, "acked": self.acked}.get(kind, set()).add(request_id)

    def check(self, path: Path) -> None:
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            found = connection.execute("SELECT id, status, answer_text FROM requests").fetchall()
        finished = {request_id for request_id, status, _ in found if status == "ok"}
        assert self.acked - finished == set(), "acknowledged and lost"
        assert {each[0] for each in found} - self.sent == set(), "never sent"
        assert all(text == request_id * 20 for request_id, _, text in found), "torn"


def writing(path: Path, first: int, kill_point: str = "-") -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.process.store.writing", str(path), str(first), kill_point],
        stdout=subprocess.PIPE,
        text=True,
    )


def lines_until_kill(process: "subprocess.Popen[str]", count: int) -> Iterator[str]:
    """All that the process told; it is killed after `count` lines and may have told more."""
    assert process.stdout is not None
    for number, line in enumerate(process.stdout, start=1):
        if line.endswith("\n"):
            yield line.strip()
        if number == count:
            process.kill()


def test_kills_at_random_moments_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "history.db"
    chance = random.Random(1)
    ledger = Ledger()
    for attempt in range(6):
        with writing(path, attempt * 1_000_000) as process:
            ledger.note(list(lines_until_kill(process, chance.randrange(2, 900))))
        ledger.check(path)
    assert len(ledger.acked) > 100


@pytest.mark.parametrize("point", sorted(name for name in POINTS if name.startswith("history.")))
@pytest.mark.parametrize("passage", [1, 2, 17])
def test_kills_at_every_point_of_a_commit_lose_nothing(
    tmp_path: Path, point: str, passage: int
) -> None:
    path = tmp_path / "history.db"
    ledger = Ledger()
    with writing(path, 0, f"{point}:{passage}") as process:
        output, _ = process.communicate(timeout=60)
    assert process.returncode == EXIT_STATUS
    ledger.note(output.splitlines())
    if path.exists():
        ledger.check(path)
    with writing(path, 1_000_000) as process:
        ledger.note(list(lines_until_kill(process, 100)))
    ledger.check(path)


MIGRATING = """
import sys
from pathlib import Path
from velocity_local.core import killpoints
from velocity_local.daemon.store import migrations
from velocity_local.daemon.store.database import open_writer

def add_note(connection):
    connection.execute("ALTER TABLE requests ADD COLUMN note TEXT")

def add_mark(connection):
    connection.execute("ALTER TABLE requests ADD COLUMN mark TEXT")

killpoints.arm(sys.argv[2])
open_writer(Path(sys.argv[1]), steps=(*migrations.STEPS, add_note, add_mark)).close()
"""


@pytest.mark.parametrize(
    "point",
    ["migration.after_backup", "migration.before_step", "migration.after_step",
     "migration.before_step:2", "migration.after_step:2"],
)  # fmt: skip
def test_a_migration_killed_anywhere_is_finished_by_the_next_start(
    tmp_path: Path, point: str
) -> None:
    path = tmp_path / "history.db"
    with closing(open_writer(path)) as connection:
        connection.execute("CREATE TABLE kept (x)")
    for spec, status in ((point, EXIT_STATUS), ("", 0)):
        command = [sys.executable, "-c", MIGRATING, str(path), spec]
        assert subprocess.run(command, check=False, timeout=60).returncode == status
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT note, mark FROM requests").fetchall() == []
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        assert connection.execute("SELECT * FROM kept").fetchall() == []
    assert version == len(migrations.STEPS) + 2
