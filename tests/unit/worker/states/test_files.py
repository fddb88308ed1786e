import os
import random
import sys
from pathlib import Path

import pytest

from velocity_local.worker.states import files

KEY = b"k" * 32
TOKENS = list(range(100, 164))
STATE = memoryview(bytearray(range(256)) * 20)


@pytest.fixture
def written(tmp_path: Path) -> files.Listed:
    return files.write(
        tmp_path, "engine", KEY, space="adapter", start=16, tokens=TOKENS, state=STATE
    )


def test_what_was_written_is_read(written: files.Listed) -> None:
    listed = files.read_head(written.path, "engine", KEY)
    assert listed == written
    assert listed.tokens == TOKENS
    assert (listed.head.space, listed.head.start) == ("adapter", 16)
    assert bytes(files.read_state(listed)) == bytes(STATE)


def test_only_its_user_may_read_it(written: files.Listed) -> None:
    if sys.platform != "win32":  # there a folder's access list does it
        assert written.path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("engine", "key", "reason"),
    [("another", KEY, "it is of engine"), ("engine", b"x" * 32, "not written by this")],
)
def test_files_of_others_are_not_used(
    written: files.Listed, engine: str, key: bytes, reason: str
) -> None:
    with pytest.raises(files.Unusable, match=reason):
        files.read_head(written.path, engine, key)


def test_a_link_is_not_followed(written: files.Listed, tmp_path: Path) -> None:
    link = tmp_path / "link.kv"
    link.symlink_to(written.path)
    with pytest.raises(OSError, match="link"):
        files.read_head(link, "engine", KEY)


def test_a_folder_or_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.kv")
    with pytest.raises(files.Unusable, match="regular"):
        files.read_head(tmp_path / "pipe.kv", "engine", KEY)


def test_no_change_of_a_byte_goes_unnoticed(written: files.Listed) -> None:
    """1,500 files: altered, cut, grown and with parts of themselves doubled."""
    whole = written.path.read_bytes()
    chance = random.Random(7)
    for _ in range(1500):
        mutant = _mutated(whole, chance)
        written.path.write_bytes(mutant)
        with pytest.raises(files.Unusable):
            files.read_state(files.read_head(written.path, "engine", KEY))


def _mutated(whole: bytes, chance: random.Random) -> bytes:
    at, end = sorted(chance.choices(range(len(whole)), k=2))
    match chance.randrange(4):
        case 0:
            return whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :]
        case 1:
            return whole[:at]
        case 2:
            return whole[:at] + chance.randbytes(chance.randint(1, 40)) + whole[at:]
        case _:
            return whole[:end] + whole[at : end + 1] + whole[end:]


def test_what_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        files.write(tmp_path, "engine", KEY, space="", start=0, tokens=TOKENS, state=STATE)
    assert list(tmp_path.iterdir()) == []
