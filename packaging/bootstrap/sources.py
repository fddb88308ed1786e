"""Source archives of pinned packages, which pip downloads and compares with the lock."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from checkout import cache_folder, exclusive
from machine import SetupError
from process import Listener, run_logged


@dataclass(frozen=True)
class Pin:
    """A package's entry in the lock whose only hash is that of its source archive."""

    package: str
    version: str
    sha256: str
    requirement: str

    @property
    def archive_name(self) -> str:
        return f"{self.package.replace('-', '_')}-{self.version}.tar.gz"


def read_pin(lock_text: str, package: str) -> Pin:
    """The package's pinned version and the hash of its source archive.

    Raises:
        SetupError: if the lock does not have it with exactly one hash.
    """
    entry = rf"^({package}==(\S+) \\\n    --hash=sha256:([0-9a-f]{{64}}))$"
    found = re.search(entry, lock_text, re.MULTILINE)
    if found is None:
        raise SetupError(f"requirements.lock has no {package} with one hash; `make lock`")
    return Pin(package, found[2], found[3], found[1])


def fetch(
    pin: Pin,
    python: Path,
    environ: Mapping[str, str],
    *,
    log: Path,
    listener: Listener | None = None,
    hint: str = "",
) -> Path:
    """The archive, downloaded only if the cache has none that matches the lock.

    Raises:
        SetupError: if pip cannot get it, or gets one that the lock does not know.
    """
    folder = _folder(environ)
    archive = folder / pin.archive_name
    with exclusive(folder / "lock", waiting=f"Another process fetches {pin.package}; waiting."):
        if not _matches(archive, pin):
            _download(pin, python, environ, log=log, listener=listener, hint=hint)
            _remove_other_versions(archive, pin)
    return archive


def digest(path: Path) -> str:
    with path.open("rb") as source:
        return hashlib.file_digest(source, "sha256").hexdigest()


def _folder(environ: Mapping[str, str]) -> Path:
    return cache_folder(environ) / "sources"


def _matches(archive: Path, pin: Pin) -> bool:
    return archive.is_file() and digest(archive) == pin.sha256


def _download(
    pin: Pin,
    python: Path,
    environ: Mapping[str, str],
    *,
    log: Path,
    listener: Listener | None,
    hint: str,
) -> None:
    """Into the cache; pip writes there only what it has compared with the hash."""
    folder = _folder(environ)
    wanted = folder / f"{pin.package}.lock"
    wanted.write_text(pin.requirement + "\n", encoding="utf-8")
    command = [str(python), "-m", "pip", "download", "--no-deps", "--require-hashes"]
    command += ["--no-build-isolation", "--no-binary", pin.package, "--progress-bar", "raw"]
    run_logged(
        [*command, "-d", str(folder), "-r", str(wanted)],
        log=log,
        environ=environ,
        listener=listener,
        hint=hint,
    )
    if not _matches(folder / pin.archive_name, pin):
        raise SetupError(f"pip left no {pin.archive_name} with the lock's hash in {folder}")


def _remove_other_versions(archive: Path, pin: Pin) -> None:
    for other in archive.parent.glob(f"{pin.package.replace('-', '_')}-*.tar.gz"):
        if other != archive:
            other.unlink(missing_ok=True)
