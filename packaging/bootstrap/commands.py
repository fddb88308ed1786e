"""What `python packaging/bootstrap COMMAND` can do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

import engine
import gate
from checkout import Checkout, cache_folder, exclusive
from machine import SetupError
from process import run_logged
from progress import Progress, clock

_ROOT = Path(__file__).resolve().parents[2]
_CACHES = (".mypy_cache", ".ruff_cache", ".import_linter_cache", ".hypothesis", "dist", "build")
_VENV_HINT = "On Debian and Ubuntu this needs a package: sudo apt-get install python3-venv"
_UV = ("--universal", "--python-version", "3.11", "--generate-hashes")


def main(arguments: list[str]) -> int:
    """Run one command and return the exit status."""
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    command = _COMMANDS.get(name)
    if command is None:
        _say(f"usage: python packaging/bootstrap {'|'.join(_COMMANDS)}")
        return 2
    try:
        return command(Checkout(_ROOT), rest)
    except SetupError as error:
        _say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        _say("\nInterrupted. Run it again: it goes on where it stopped.")
        return 130


def start(checkout: Checkout, rest: list[str]) -> int:
    prepare(checkout, os.environ, dev=False)
    return _velocity_local(checkout, ["start", *rest])


def stop(checkout: Checkout, rest: list[str]) -> int:
    if not checkout.python.exists():
        _say("Nothing to stop: there is no .venv in this checkout.")
        return 0
    return _velocity_local(checkout, ["stop", *rest])


def setup(checkout: Checkout, rest: list[str]) -> int:
    prepare(checkout, os.environ, dev="--dev" in rest)
    _say(f"Ready: {checkout.python}")
    return 0


def test(checkout: Checkout, rest: list[str]) -> int:
    prepare(checkout, os.environ, dev=True)
    return gate.run(checkout.root, checkout.python, [*gate.CHECKS, gate.ALL_TESTS], rest)


def check(checkout: Checkout, rest: list[str]) -> int:
    prepare(checkout, os.environ, dev=True)
    return gate.run(checkout.root, checkout.python, [*gate.CHECKS, gate.QUICK_TESTS], rest)


def bench(checkout: Checkout, rest: list[str]) -> int:
    prepare(checkout, os.environ, dev=True)
    return subprocess.call(
        [str(checkout.python), "-m", "benchmarks.compare", *rest], cwd=checkout.root
    )


def docs(checkout: Checkout, _: list[str]) -> int:
    prepare(checkout, os.environ, dev=True)
    reference = [str(checkout.python), "packaging/reference.py", "--write"]
    return subprocess.call(reference, cwd=checkout.root)


def lock(checkout: Checkout, rest: list[str]) -> int:
    """Write both locks with uv, which is installed beside the environment when it is not here."""
    uv = shutil.which("uv") or _own_uv(checkout)
    compile_ = [uv, "pip", "compile", *_UV, "--no-header", "--quiet", *rest]
    main_lock = [*compile_, "pyproject.toml", "--extra", "engine-build", "-o", checkout.lock.name]
    subprocess.run(main_lock, cwd=checkout.root, check=True)
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder) / "dev.in"
        project = tomllib.loads(checkout.pyproject.read_text(encoding="utf-8"))["project"]
        wanted.write_text("\n".join(project["optional-dependencies"]["dev"]), encoding="utf-8")
        dev_lock = [*compile_, str(wanted), "-c", checkout.lock.name, "--no-annotate"]
        subprocess.run([*dev_lock, "-o", checkout.dev_lock.name], cwd=checkout.root, check=True)
    return 0


def clean(checkout: Checkout, _: list[str]) -> int:
    """Remove the environment and the tools' caches; engine builds stay in the user's cache."""
    for name in (".venv", *_CACHES):
        shutil.rmtree(checkout.root / name, ignore_errors=True)
    return 0


def prepare(checkout: Checkout, environ: Mapping[str, str], *, dev: bool) -> None:
    """Make the environment as the locks say; returns at once if it already is."""
    if checkout.is_ready(environ, dev=dev):
        return
    build = engine.plan(checkout, environ)
    lock_path = cache_folder(environ) / "setup.lock"
    with exclusive(lock_path, waiting="Another set-up is running; waiting for it to finish."):
        if not checkout.is_ready(environ, dev=dev):
            _prepare(checkout, build, environ, dev=dev)


def _prepare(
    checkout: Checkout, build: engine.Build, environ: Mapping[str, str], *, dev: bool
) -> None:
    began = time.monotonic()
    _say("Setting up velocity-local in .venv (once; about 5 minutes on 2 cores).")
    _make_venv(checkout)
    log = checkout.venv / "engine-build.log"
    log.unlink(missing_ok=True)
    _install_locked(checkout, checkout.lock, log)
    if dev:
        _install_locked(checkout, checkout.dev_lock, log)
    _install_engine(checkout, build, environ, log)
    _say("[4/4] velocity-local itself")
    own = [str(checkout.python), "-m", "pip", "install", "--no-deps", "--no-build-isolation"]
    run_logged([*own, "--no-index", "-e", str(checkout.root)], log=log)
    checkout.mark_ready(environ, dev=dev)
    _say(f"Set up in {clock(time.monotonic() - began)}.")


def _make_venv(checkout: Checkout) -> None:
    _say(f"[1/4] environment for Python {sys.version.split()[0]}")
    pip = [str(checkout.python), "-m", "pip", "--version"]
    if (
        checkout.python.exists()
        and subprocess.run(pip, capture_output=True, check=False).returncode == 0
    ):
        return
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "venv", "--clear", str(checkout.venv)]
        run_logged(command, log=Path(folder) / "venv.log", hint=_VENV_HINT)


def _install_locked(checkout: Checkout, lock_file: Path, log: Path) -> None:
    text = lock_file.read_text(encoding="utf-8")
    blocks = [block for block in _requirements(text) if not block.startswith(engine.PACKAGE)]
    _say(f"[2/4] {len(blocks)} packages from {lock_file.name}, each compared with its hash")
    wanted = checkout.venv / f"wanted-{lock_file.name}"
    wanted.write_text("\n".join(blocks) + "\n", encoding="utf-8")
    command = [str(checkout.python), "-m", "pip", "install", "--no-deps", "--require-hashes"]
    progress = Progress("packages", marker="Collecting ", total=len(blocks))
    run_logged([*command, "-r", str(wanted)], log=log, listener=progress)


def _install_engine(
    checkout: Checkout, build: engine.Build, environ: Mapping[str, str], log: Path
) -> None:
    title = f"[3/4] engine: {engine.PACKAGE} {build.pin.version} for {build.target.backend}"
    if engine.is_installed(checkout, build):
        _say(f"{title}, already installed")
        return
    try:
        engine.cached(build, environ)
        _say(f"{title}, built before on this machine")
    except KeyError:
        _say(f"{title}: compiling llama.cpp for this machine, about 4 minutes on 2 cores")
        _say(f"      full log: {log}")
        engine.make_wheel(checkout, build, environ, log)
    engine.install(checkout, build, environ, log)


def _requirements(text: str) -> list[str]:
    """The lock's entries, each with its hashes, without comments."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    entries: list[str] = []
    for line in filter(None, lines):
        if line.startswith(" ") and entries:
            entries[-1] += "\n" + line
        else:
            entries.append(line)
    return entries


def _own_uv(checkout: Checkout) -> str:
    folder = checkout.root / "build" / "uv"
    scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(scripts / "python"), "-m", "pip", "install", "-q", "uv"], check=True)
    return str(scripts / "uv")


def _velocity_local(checkout: Checkout, arguments: list[str]) -> int:
    command = [str(checkout.python), "-m", "velocity_local.cli.main", *arguments]
    return subprocess.call(command, cwd=checkout.root)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


_COMMANDS: dict[str, Callable[[Checkout, list[str]], int]] = {
    "start": start,
    "stop": stop,
    "setup": setup,
    "test": test,
    "check": check,
    "bench": bench,
    "docs": docs,
    "lock": lock,
    "clean": clean,
}
