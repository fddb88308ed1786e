"""Archives come through the real pip, from a folder instead of an index."""

import hashlib
import io
import sys
import tarfile
from pathlib import Path

import pytest
import sources
from machine import SetupError

BACKEND = """
import pathlib
def prepare_metadata_for_build_wheel(folder, settings=None):
    made = pathlib.Path(folder) / "tiny_pack-1.0.dist-info"
    made.mkdir()
    (made / "METADATA").write_text("Metadata-Version: 2.1\\nName: tiny-pack\\nVersion: 1.0\\n")
    return made.name
"""
FILES = {
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "b"\nbackend-path = ["."]\n',
    "b.py": BACKEND,
    "PKG-INFO": "Metadata-Version: 2.1\nName: tiny-pack\nVersion: 1.0\n",
    "models/a.txt": "a",
    "models/b.txt": "b",
    "models/below/c.txt": "c",
}
NO_PYTHON = Path("no-python-here")


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of archives in place of an index, with one archive in it."""
    monkeypatch.setattr("sys.platform", "linux")
    folder = tmp_path / "index"
    folder.mkdir()
    with tarfile.open(folder / "tiny_pack-1.0.tar.gz", "w:gz") as tar:
        for name, text in FILES.items():
            member = tarfile.TarInfo(f"tiny_pack-1.0/{name}")
            member.size = len(text)
            tar.addfile(member, io.BytesIO(text.encode()))
    return folder


def pin_of(index: Path) -> sources.Pin:
    digest = hashlib.sha256((index / "tiny_pack-1.0.tar.gz").read_bytes()).hexdigest()
    lock = f"tiny-pack==1.0 \\\n    --hash=sha256:{digest}\n    # via us\n"
    return sources.read_pin(lock, "tiny-pack")


def fetch(pin: sources.Pin, index: Path, python: Path, hint: str = "") -> Path:
    environ = {
        "XDG_CACHE_HOME": str(index.parent / "cache"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(index),
        "PIP_CONFIG_FILE": "/dev/null",
    }
    return sources.fetch(pin, python, environ, log=index.parent / "log", hint=hint)


def test_an_archive_is_downloaded_once(index: Path) -> None:
    pin = pin_of(index)
    archive = fetch(pin, index, Path(sys.executable))
    assert sources.digest(archive) == pin.sha256
    assert fetch(pin, index, NO_PYTHON) == archive


def test_a_damaged_archive_in_the_cache_is_replaced(index: Path) -> None:
    pin = pin_of(index)
    archive = fetch(pin, index, Path(sys.executable))
    archive.write_bytes(b"half of it")
    assert sources.digest(fetch(pin, index, Path(sys.executable))) == pin.sha256


def test_an_archive_the_lock_does_not_know_is_refused(index: Path) -> None:
    pin = pin_of(index)
    (index / pin.archive_name).write_bytes(b"another archive")
    with pytest.raises(SetupError, match=r"(?i)hash"):
        fetch(pin, index, Path(sys.executable))
    assert not list((index.parent / "cache").rglob("*.tar.gz"))


def test_what_cannot_be_had_says_what_to_do(index: Path) -> None:
    pin = pin_of(index)
    (index / pin.archive_name).unlink()
    with pytest.raises(SetupError, match="go online"):
        fetch(pin, index, Path(sys.executable), hint="go online")


def test_the_archive_of_an_older_version_goes(index: Path) -> None:
    pin = pin_of(index)
    archive = fetch(pin, index, Path(sys.executable))
    older = archive.with_name("tiny_pack-0.9.tar.gz")
    older.touch()
    archive.unlink()
    fetch(pin, index, Path(sys.executable))
    assert not older.exists()
