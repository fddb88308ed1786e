"""What was said of models outlives the daemon, and a broken file costs no more than that."""

from pathlib import Path

import pytest

from velocity_local.core.errors import DiskFull
from velocity_local.daemon.fleet.stays import MAX_STAYS, Stay, Stays


def test_what_was_said_is_known_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "stays.json"
    stays = Stays(600.0, file)
    stays.pin("a", is_pinned=True)
    stays.keep_alive("a", 60.0)
    stays.keep_alive("b", None)
    again = Stays(300.0, file)
    assert again.of("a") == Stay(60.0, is_pinned=True)
    assert again.of("b") == Stay(None)
    assert again.of("c") == Stay(300.0)


def test_who_says_what_is_usual_goes_with_what_is_usual(tmp_path: Path) -> None:
    file = tmp_path / "stays.json"
    stays = Stays(600.0, file)
    stays.keep_alive("a", 60.0)
    stays.keep_alive("a", 600.0)
    assert Stays(300.0, file).of("a") == Stay(300.0)


def test_what_cannot_be_kept_is_not_done(tmp_path: Path) -> None:
    stays = Stays(None, tmp_path / "no folder" / "stays.json")
    with pytest.raises(DiskFull, match=r"stays\.json"):
        stays.pin("a", is_pinned=True)
    assert not stays.of("a").is_pinned


@pytest.mark.parametrize("text", ["", "{", '{"stays": 5}', '{"stays": {"a": {"is_pinned": 3}}}'])
def test_a_broken_file_says_nothing(
    tmp_path: Path, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "stays.json"
    file.write_text(text)
    assert Stays(5.0, file).of("a") == Stay(5.0)
    assert "cannot be read" in caplog.text


def test_the_oldest_are_forgotten() -> None:
    stays = Stays(None)
    for number in range(MAX_STAYS + 1):
        stays.keep_alive(f"m{number}", 1.0)
    assert stays.of("m0") == Stay(None)
    assert stays.of("m1") == stays.of(f"m{MAX_STAYS}") == Stay(1.0)
