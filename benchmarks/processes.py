"""Starts servers for a measurement and stops them after it. Knows their command lines."""

import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from benchmarks.http_get import get

MODEL_NAME = "reference"
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 15.0
POLL_S = 0.005
_TAIL_BYTES = 2000


class StartFailed(Exception):
    """A server did not become ready; the message ends with what it said."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that is ready. `home` is velocity-local's own folder, None for a peer."""

    url: str
    model: str
    pid: int
    home: Path | None = None


class _ModelList(msgspec.Struct, frozen=True):
    data: tuple["_Model", ...]


class _Model(msgspec.Struct, frozen=True):
    id: str


@contextmanager
def velocity(model: Path | None, settings: Sequence[str] = ()) -> Iterator[Server]:
    """A daemon with a home of its own; it serves `model` as `reference`, or nothing at all."""
    with new_home() as home:
        if model is not None:
            place_model(model, home)
        with velocity_at(home, settings, has_model=model is not None) as server:
            yield server


@contextmanager
def velocity_at(
    home: Path, settings: Sequence[str] = (), *, has_model: bool = True
) -> Iterator[Server]:
    """A daemon with this home, in which `place_model` has put the model, if there is one."""
    port = free_port()
    preload = f"fleet.preload={MODEL_NAME}" if has_model else "fleet.preload=[]"
    command = [sys.executable, "-P", "-m", "velocity_local.daemon", "--port", str(port)]
    for setting in (preload, *settings):
        command += ["--set", setting]
    url = f"http://127.0.0.1:{port}"
    ready = f"{url}/ready" if has_model else f"{url}/health"
    with _running(command, ready, velocity_environment(home)) as pid:
        yield Server(url, MODEL_NAME, pid, home)


@contextmanager
def peer(
    template: str, model: Path, *, threads: int, ready_path: str, name: str | None = None
) -> Iterator[Server]:
    """Another server; `{model}`, `{port}` and `{threads}` in `template` are filled in.

    Its model is called `name`, or as the first that it lists.
    """
    port = free_port()
    filled = template.format(model=shlex.quote(str(model)), port=port, threads=threads)
    url = f"http://127.0.0.1:{port}"
    with _running(shlex.split(filled), url + ready_path, os.environ) as pid:
        if name is not None:
            yield Server(url, name, pid)
            return
        listed = get(f"{url}/v1/models")
        if listed is None:
            raise StartFailed(
                f"{url}/v1/models does not answer; is it an OpenAI-compatible server?"
            )
        yield Server(url, msgspec.json.decode(listed, type=_ModelList).data[0].id, pid)


@contextmanager
def new_home() -> Iterator[Path]:
    """An empty home for a daemon, private as it demands."""
    with tempfile.TemporaryDirectory(prefix="velocity-bench-", ignore_cleanup_errors=True) as home:
        yield Path(home)


def velocity_environment(home: Path) -> dict[str, str]:
    return {**os.environ, "VELOCITY_HOME": str(home)}


def place_model(model: Path, home: Path) -> None:
    """Put `model` where the daemon looks; linked if the disk allows it, else copied."""
    target = home / "models" / f"{MODEL_NAME}.gguf"
    target.parent.mkdir(mode=0o700)
    try:
        os.link(model, target)
    except OSError:
        shutil.copyfile(model, target)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_until(is_true: Callable[[], bool], *, timeout_s: float) -> float:
    """The clock's time at which it became true.

    Raises:
        TimeoutError: if it does not in time.
    """
    deadline = time.perf_counter() + timeout_s
    while not is_true():
        if time.perf_counter() > deadline:
            raise TimeoutError
        time.sleep(POLL_S)
    return time.perf_counter()


@contextmanager
def _running(command: list[str], ready_url: str, environ: Mapping[str, str]) -> Iterator[int]:
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=dict(environ)
        )

        def tail() -> str:
            said.seek(max(0, said.seek(0, os.SEEK_END) - _TAIL_BYTES))
            return said.read().decode(errors="replace")

        def is_settled() -> bool:
            return process.poll() is not None or get(ready_url) is not None

        try:
            wait_until(is_settled, timeout_s=START_TIMEOUT_S)
            if process.poll() is not None:
                raise StartFailed(f"{command[0]} ended with {process.returncode}:\n{tail()}")
            yield process.pid
        except TimeoutError as error:
            raise StartFailed(f"{ready_url} is not ready:\n{tail()}") from error
        finally:
            stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
