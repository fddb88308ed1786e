"""What the terminal UI itself costs: its processor time for each second, and its memory.

    python -m benchmarks.tui

It runs on a terminal of its own over a real daemon with the demo model, first with nothing to do,
then with streams. Processor time is the process's own and hardly depends on who else runs.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

import psutil

from benchmarks.processes import Server, velocity, velocity_environment
from tests.support.terminals import on_terminal
from velocity_local.client.chat import ChatRequest, Turn, stream_chat
from velocity_local.client.daemon import LocalDaemon
from velocity_local.config.paths import locate

SCREENS = {"home": "1", "monitor": "6"}
SETTLE_S = 4.0
SIZE = (200, 50)
_PIECE_BYTES = 1 << 16
_MODEL = "demo"


@dataclass(frozen=True, slots=True)
class Cost:
    """`core_share` is processor time over wall time; 1 is a whole core."""

    screen: str
    streams: int
    core_share: float
    resident_mb: float
    drawn_bytes_per_s: float


class Shown:
    """The terminal UI on a terminal that is read all the time."""

    def __init__(self, process: "subprocess.Popen[bytes]", terminal: int) -> None:
        self._terminal = terminal
        self._process = psutil.Process(process.pid)
        self._n_drawn = 0
        threading.Thread(target=self._read, daemon=True).start()

    def press(self, key: str) -> None:
        os.write(self._terminal, key.encode())

    def cost(self, screen: str, streams: int, seconds: float) -> Cost:
        """Look on for so long."""
        self.press(SCREENS[screen])
        time.sleep(SETTLE_S)
        began_s, spent_s, drawn = time.monotonic(), self._spent_s(), self._n_drawn
        time.sleep(seconds)
        passed_s = time.monotonic() - began_s
        return Cost(
            screen=screen,
            streams=streams,
            core_share=(self._spent_s() - spent_s) / passed_s,
            resident_mb=self._process.memory_info().rss / 1e6,
            drawn_bytes_per_s=(self._n_drawn - drawn) / passed_s,
        )

    def _spent_s(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def _read(self) -> None:
        while True:
            try:
                self._n_drawn += len(os.read(self._terminal, _PIECE_BYTES))
            except OSError:  # the other end is closed
                return


@contextmanager
def shown(server: Server) -> Iterator[Shown]:
    """The terminal UI of that daemon's user, ended at the end."""
    assert server.home is not None
    columns, lines = SIZE
    command = [sys.executable, "-P", "-m", "velocity_local.cli.main", "tui"]
    environ = {**velocity_environment(server.home), "TERM": "xterm-256color"}
    with on_terminal(command, environ, columns=columns, lines=lines) as (process, terminal):
        yield Shown(process, terminal)


@contextmanager
def streaming(server: Server, n_streams: int) -> Iterator[None]:
    """So many answers at any time."""
    local = _daemon(server)
    enough = threading.Event()
    runs = [
        threading.Thread(target=_ramble, args=(local, seed, enough)) for seed in range(n_streams)
    ]
    for run in runs:
        run.start()
    try:
        yield
    finally:
        enough.set()
        for run in runs:
            run.join()


def _ramble(local: LocalDaemon, seed: int, enough: threading.Event) -> None:
    while not enough.is_set():
        _ask(local, seed=seed, most_tokens=400)


def _ask(local: LocalDaemon, *, seed: int, most_tokens: int) -> None:
    record = local.record()
    assert record is not None
    turn = Turn("user", f"Story {seed}, please.")
    asked = ChatRequest(_MODEL, (turn,), temperature=2.0, seed=seed, max_tokens=most_tokens)
    with stream_chat(local.client(record), asked) as items:
        list(items)


def _daemon(server: Server) -> LocalDaemon:
    assert server.home is not None
    return LocalDaemon(locate(velocity_environment(server.home)))


def measure(n_streams: int, seconds: float) -> list[Cost]:
    """Each screen, idle and with the streams."""
    with velocity(None) as server, contextlib.ExitStack() as stack:
        _ask(_daemon(server), seed=0, most_tokens=1)  # else the first run is proposed
        running = stack.enter_context(shown(server))
        costs = [running.cost(screen, 0, seconds) for screen in SCREENS]
        with streaming(server, n_streams):
            costs += [running.cost(screen, n_streams, seconds) for screen in SCREENS]
    return costs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each measurement")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    costs = measure(arguments.streams, arguments.seconds)
    if arguments.json:
        sys.stdout.write(json.dumps([asdict(cost) for cost in costs], indent=2) + "\n")
        return
    for cost in costs:
        sys.stdout.write(
            f"{cost.screen:8} {cost.streams:3} streams  {cost.core_share:6.1%} of a core"
            f"  {cost.resident_mb:5.0f} MB  {cost.drawn_bytes_per_s / 1000:6.1f} kB/s drawn\n"
        )


if __name__ == "__main__":
    main()
