"""Builds the engine from its pinned source, once for each machine, and installs it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sysconfig
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import machine
import sources
from checkout import Checkout, cache_folder, write_atomic
from process import run_logged
from progress import Progress
from sources import Pin, digest

PACKAGE = "llama-cpp-python"
_GUESS_S = 480.0  # of one core
_FALLBACK = "To build for the processor instead: VELOCITY_ENGINE=cpu make start"


def read_pin(lock_text: str) -> Pin:
    """The engine's entry in the lock."""
    return sources.read_pin(lock_text, PACKAGE)


@dataclass(frozen=True)
class Build:
    """One engine build: what it is made from, with what, and for what."""

    pin: Pin
    toolchain: machine.Toolchain
    target: machine.Target
    cmake_args: str

    @property
    def facts(self) -> dict[str, str]:
        return {
            "package": PACKAGE,
            "version": self.pin.version,
            "source_sha256": self.pin.sha256,
            "backend": self.target.backend,
            "built_for": self.target.detail,
            "compiler": self.toolchain.compiler,
            "cmake": self.toolchain.cmake,
            "cmake_args": self.cmake_args,
            "platform": sysconfig.get_platform(),
        }

    @property
    def key(self) -> str:
        """Two builds with the same key are interchangeable. CMake's version does not matter."""
        facts = {name: value for name, value in self.facts.items() if name != "cmake"}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def plan(checkout: Checkout, environ: Mapping[str, str]) -> Build:
    """What to build here; SetupError if the tools for it are missing."""
    pin = read_pin(checkout.lock.read_text(encoding="utf-8"))
    target = machine.choose_target(environ)
    arguments = [*target.cmake_args, "-DLLAMA_OPENSSL=OFF", environ.get("CMAKE_ARGS", "")]
    return Build(pin, machine.find_toolchain(), target, " ".join(filter(None, arguments)))


def is_installed(checkout: Checkout, build: Build) -> bool:
    try:
        return bool(json.loads(checkout.engine_facts.read_text())["key"] == build.key)
    except (OSError, ValueError, KeyError):
        return False


def install(checkout: Checkout, build: Build, environ: Mapping[str, str], log: Path) -> None:
    """Install the wheel from the user's cache, building it first if it is not there."""
    checkout.engine_facts.unlink(missing_ok=True)
    pip = [str(checkout.python), "-m", "pip", "install", "--no-deps", "--no-index"]
    run_logged([*pip, "--force-reinstall", str(cached(build, environ))], log=log)
    facts = {"key": build.key, **build.facts}
    write_atomic(checkout.engine_facts, json.dumps(facts, indent=1))


def cached(build: Build, environ: Mapping[str, str]) -> Path:
    """The finished wheel in the cache, checked against its digest; KeyError if there is none."""
    folder = cache_of(build, environ)
    for wheel in sorted(folder.glob("*.whl")):
        expected = wheel.with_suffix(".sha256")
        if expected.is_file() and expected.read_text().strip() == digest(wheel):
            return wheel
    raise KeyError(build.key)


def cache_of(build: Build, environ: Mapping[str, str]) -> Path:
    name = f"{build.pin.version}-{build.target.backend}-{build.key}"
    return cache_folder(environ) / "engine" / name


def make_wheel(checkout: Checkout, build: Build, environ: Mapping[str, str], log: Path) -> None:
    """Compile. An interrupted build goes on where it stopped, since its folder is kept."""
    work = checkout.venv / "engine-build" / build.key[:8]
    work.mkdir(parents=True, exist_ok=True)
    archive = sources.fetch(
        build.pin,
        checkout.python,
        _build_environ(checkout, build, environ),
        log=log,
        listener=Progress("download"),
    )
    source = _unpack(archive, work)
    guess_s = _GUESS_S / (os.cpu_count() or 1)
    command = [str(checkout.python), "-m", "pip", "wheel", "--no-deps", "--no-index", "-v"]
    command += ["--no-build-isolation", "-C", f"build-dir={work / 'obj'}"]
    finished = work / "wheel"
    shutil.rmtree(finished, ignore_errors=True)
    run_logged(
        [*command, "-w", str(finished), str(source)],
        log=log,
        environ=_build_environ(checkout, build, environ),
        listener=Progress("compiling", guess_s=guess_s),
        hint=_FALLBACK if build.target.backend == "cuda" else "",
    )
    _keep(next(finished.glob("*.whl")), cache_of(build, environ))
    shutil.rmtree(work.parent)


def _unpack(archive: Path, work: Path) -> Path:
    source = work / "src"
    done = work / "src.complete"
    if not done.exists():
        shutil.rmtree(source, ignore_errors=True)
        with tarfile.open(archive) as tar:
            if hasattr(tarfile, "data_filter"):
                tar.extractall(source, filter="data")
            else:  # Python 3.11.0 to 3.11.3; the archive's hash is in our lock
                tar.extractall(source)
        done.touch()
    return next(source.iterdir())


def _build_environ(checkout: Checkout, build: Build, environ: Mapping[str, str]) -> dict[str, str]:
    path = os.pathsep.join([str(checkout.python.parent), environ.get("PATH", "")])
    return {**environ, "CMAKE_ARGS": build.cmake_args, "PATH": path}


def _keep(wheel: Path, folder: Path) -> None:
    """Copy into the cache so that a half-written wheel is never taken for a whole one."""
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{wheel.name}.{os.getpid()}.part"
    shutil.copyfile(wheel, part)
    write_atomic(folder / f"{wheel.stem}.sha256", digest(part))
    part.replace(folder / wheel.name)
