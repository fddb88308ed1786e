import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.cli.terminal import cli
from velocity_local.cli.exits import CliError
from velocity_local.cli.follow import Follower
from velocity_local.cli.logs import newer, parse_since, stamp_of

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
LINES = [
    "2026-01-31T10:00:00.000Z info    a [-] old",
    "2026-01-31T11:30:00.000Z warning b [-] newer",
    "  and its second line",
    "2026-01-31T11:59:00.000Z info    c [-] newest",
]


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "logs"
    (folder / "workers").mkdir(parents=True)
    (folder / "daemon.log").write_text("\n".join(LINES) + "\n")
    (folder / "workers" / "model-demo.log").write_text("loaded\n")
    return {"VELOCITY_HOME": str(tmp_path)}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("90s", NOW - timedelta(seconds=90)),
        ("1.5h", NOW - timedelta(minutes=90)),
        ("2d", NOW - timedelta(days=2)),
        ("2026-01-31T09:00Z", datetime(2026, 1, 31, 9, 0, tzinfo=UTC)),
    ],
)
def test_since_is_an_age_or_a_time(text: str, expected: datetime) -> None:
    assert parse_since(text, now=NOW) == expected


@pytest.mark.parametrize("text", ["", "10", "10 minutes", "yesterday", "-5m"])
def test_another_since_is_wrong_usage(text: str) -> None:
    with pytest.raises(CliError, match=re.escape(f"--since {text}")):
        parse_since(text, now=NOW)


def test_lines_without_a_time_stay_with_the_line_before() -> None:
    assert list(newer(LINES, NOW - timedelta(hours=1))) == LINES[1:]


@pytest.mark.parametrize("line", ["", "loaded", "2026-13-45T00:00:00.000Z x"])
def test_a_line_may_have_no_time(line: str) -> None:
    assert stamp_of(line) is None


def test_the_last_lines_are_shown(environ: dict[str, str]) -> None:
    assert cli("logs", "-n", "2", environ=environ).out.splitlines() == LINES[2:]


def test_a_filter_keeps_what_it_finds(environ: dict[str, str]) -> None:
    assert cli("logs", "--filter", "new(er|est)", environ=environ).out.splitlines() == [
        LINES[1],
        LINES[3],
    ]


def test_a_broken_filter_is_wrong_usage(environ: dict[str, str]) -> None:
    ran = cli("logs", "--filter", "(", environ=environ)
    assert ran.status == 2
    assert "--filter (" in ran.err


def test_a_models_worker_has_a_log_of_its_own(environ: dict[str, str]) -> None:
    assert cli("logs", "--model", "demo", environ=environ).out == "loaded\n"


def test_no_log_yet_is_not_found(tmp_path: Path) -> None:
    ran = cli("logs", environ={"VELOCITY_HOME": str(tmp_path / "new")})
    assert ran.status == 4
    assert "velocity-local start" in ran.err


def test_following_gives_whole_lines_only(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    with Follower(path) as follower, path.open("a") as log:
        log.write("one\ntw")
        log.flush()
        assert follower.new_lines() == ["one"]
        log.write("o\n")
        log.flush()
        assert follower.new_lines() == ["two"]


def test_following_goes_on_after_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    with Follower(path) as follower:
        with path.open("a") as log:
            log.write("last of the old\n")
        path.rename(tmp_path / "log.1")
        path.write_text("first of the new\n")
        assert follower.new_lines() == ["last of the old", "first of the new"]


def test_following_waits_for_a_deleted_log(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    with Follower(path) as follower:
        path.unlink()
        assert follower.new_lines() == []
        path.write_text("again\n")
        assert follower.new_lines() == ["again"]
