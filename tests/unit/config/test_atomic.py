"""A file is the old one or the new one, never a part."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from velocity_local.config.atomic import write_atomic
from velocity_local.core.killpoints import EXIT_STATUS


def test_a_file_is_replaced_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_atomic(path, b"one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path if call == "replace" else os, call, fail)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_kill_before_the_end_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"# mine\n")
    program = (
        "from pathlib import Path; from velocity_local.config.edit import set_value;"
        "from velocity_local.core import killpoints; killpoints.arm('file.before_rename');"
        f"set_value(Path({str(path)!r}), 'server.port', '1')"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == EXIT_STATUS
    assert path.read_bytes() == b"# mine\n"
