"""A few kills of the drive, in every run of the suite."""

from pathlib import Path

import pytest

from tests.process.downloads.kill_drive import drive

pytestmark = pytest.mark.process


def test_kills_of_the_daemon_show_no_wrong_file_and_cost_few_bytes(tmp_path: Path) -> None:
    tally = drive(6, size_mib=160, folder=tmp_path / "home")
    assert (tally.wrong_files, tally.is_right) == (0, True)
    assert tally.kills_while_running > 0
    assert tally.sent_bytes <= tally.allowed_bytes
