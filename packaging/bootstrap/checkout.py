"""Where things lie in a checkout and in the user's cache, and what is already set up."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_GPU_DEVICES = ("/dev/nvidiactl", "/dev/dxg")


def cache_folder(environ: Mapping[str, str]) -> Path:
    """The user's cache folder for this project."""
    home = Path.home()
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "velocity-local"
    if sys.platform == "win32":
        local = environ.get("LOCALAPPDATA") or str(home / "AppData" / "Local")
        return Path(local) / "velocity-local" / "Cache"
    return Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "velocity-local"


@dataclass(frozen=True)
class Checkout:
    """One working tree and its environment."""

    root: Path

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        if sys.platform == "win32":
            return self.venv / "Scripts" / "python.exe"
        return self.venv / "bin" / "python"

    @property
    def lock(self) -> Path:
        return self.root / "requirements.lock"

    @property
    def dev_lock(self) -> Path:
        return self.root / "requirements-dev.lock"

    @property
    def engine_facts(self) -> Path:
        """What the installed engine was built for; `velocity-local doctor` reads it."""
        return self.venv / "velocity-engine.json"

    @property
    def stamp(self) -> Path:
        return self.venv / "velocity-setup.json"

    def wanted_stamp(self, environ: Mapping[str, str], *, dev: bool) -> str:
        """A digest of everything the environment depends on, cheap enough for every start."""
        parts: list[object] = [str(self.root), _digest(self.lock), _digest(self.pyproject)]
        parts += [environ.get("VELOCITY_ENGINE", ""), environ.get("CMAKE_ARGS", "")]
        parts += [any(Path(device).exists() for device in _GPU_DEVICES), sys.platform]
        if dev:
            parts.append(_digest(self.dev_lock))
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    @property
    def pyproject(self) -> Path:
        return self.root / "pyproject.toml"

    def is_ready(self, environ: Mapping[str, str], *, dev: bool) -> bool:
        """Whether the environment stands and nothing that it depends on has changed."""
        if not self.python.exists():
            return False
        try:
            done = json.loads(self.stamp.read_text())
        except (OSError, ValueError):
            return False
        return bool(done.get(_stage(dev=dev)) == self.wanted_stamp(environ, dev=dev))

    def mark_ready(self, environ: Mapping[str, str], *, dev: bool) -> None:
        done = {"run": self.wanted_stamp(environ, dev=False)}
        if dev:
            done["dev"] = self.wanted_stamp(environ, dev=True)
        write_atomic(self.stamp, json.dumps(done))


def _stage(*, dev: bool) -> str:
    return "dev" if dev else "run"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_atomic(path: Path, text: str) -> None:
    """Write a file that is either the old one or the whole new one."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)


@contextmanager
def exclusive(path: Path, *, waiting: str) -> Iterator[None]:
    """Hold a file lock; says `waiting` once if another process has it. The system frees it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as handle:
        if not _try_lock(handle.fileno()):
            sys.stderr.write(f"{waiting}\n")
            _lock(handle.fileno())
        yield


if sys.platform == "win32":
    import msvcrt

    def _try_lock(fd: int) -> bool:
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _lock(fd: int) -> None:
        while not _try_locked_for_ten_seconds(fd):
            pass

    def _try_locked_for_ten_seconds(fd: int) -> bool:
        try:
            msvcrt.locking(fd, msvcrt.LK_LOCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX)
