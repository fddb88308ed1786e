"""How long until velocity-local answers, what it weighs, and what a command costs.

    python -m benchmarks.startup

Each start has a new, empty home, as the first start ever has. `/ready` waits for the demo model.
Whole commands are paired with `python -c pass`, which is the part nobody can improve.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import psutil

from benchmarks.http_get import get
from benchmarks.machine import look
from benchmarks.processes import free_port, new_home, velocity_environment, wait_until

IDLE_S = 3.0
START_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds from the command to each answer, and the idle daemon's memory."""

    health_s: float
    ready_s: float
    command_s: float
    daemon_mb: float
    workers_mb: float


@dataclass(frozen=True, slots=True)
class Command:
    """A whole command in milliseconds, beside an interpreter that does nothing."""

    arguments: str
    command_ms: list[float]
    python_ms: list[float]


def program() -> str:
    """The installed console script of this environment."""
    found = shutil.which("velocity-local", path=str(Path(sys.executable).parent))
    if found is None:
        raise SystemExit("velocity-local is not installed beside this interpreter")
    return found


def measure_start(commands: int) -> tuple[Start, list[Command]]:
    """Start in a new home, look at it, time commands against it, stop it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with new_home() as home:
        environ = velocity_environment(home)
        begun = time.perf_counter()
        starting = subprocess.Popen(
            [program(), "start", "--port", str(port)],
            env=environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            health = wait_until(lambda: get(f"{url}/health") is not None, timeout_s=START_TIMEOUT_S)
            ready = wait_until(lambda: get(f"{url}/ready") is not None, timeout_s=START_TIMEOUT_S)
            starting.wait(START_TIMEOUT_S)
            ended = time.perf_counter()
            time.sleep(IDLE_S)
            daemon, workers = _memory_mb(home)
            timed = [measure_command(words, commands, environ) for words in (["ps"], ["--help"])]
        finally:
            subprocess.run([program(), "stop"], env=environ, check=False, capture_output=True)
    return Start(health - begun, ready - begun, ended - begun, daemon, workers), timed


def _memory_mb(home: Path) -> tuple[float, float]:
    """Resident memory of the daemon and of all its workers, in MB of 10^6 bytes."""
    record = json.loads((home / "state" / "run" / "daemon.json").read_text("utf-8"))
    daemon = psutil.Process(record["pid"])
    workers = sum(child.memory_info().rss for child in daemon.children(recursive=True))
    return daemon.memory_info().rss / 1e6, workers / 1e6


def measure_command(words: Sequence[str], repeats: int, environ: dict[str, str]) -> Command:
    """One that is not counted, then pairs of the command and an empty interpreter."""
    command, empty = [program(), *words], [sys.executable, "-c", "pass"]
    pairs = [(_whole_ms(command, environ), _whole_ms(empty, environ)) for _ in range(repeats + 1)][
        1:
    ]
    return Command(" ".join(words), [a for a, _ in pairs], [b for _, b in pairs])


def _whole_ms(command: Sequence[str], environ: dict[str, str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, env=environ, check=True, capture_output=True)
    return (time.perf_counter() - begun) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.startup", description=__doc__)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--commands", type=int, default=7, help="runs of each command a start")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    machine = look()
    measured = [measure_start(arguments.commands) for _ in range(arguments.starts)]
    starts = [start for start, _ in measured]
    commands = [command for _, timed in measured for command in timed]
    if arguments.json:
        found = {"machine": asdict(machine), "starts": [asdict(start) for start in starts]}
        print(json.dumps({**found, "commands": [asdict(command) for command in commands]}))
        return
    print(machine.line())
    for title, values in (
        ("start to /health, s", [start.health_s for start in starts]),
        ("start to /ready, s", [start.ready_s for start in starts]),
        ("whole start command, s", [start.command_s for start in starts]),
        ("daemon resident, idle, MB", [start.daemon_mb for start in starts]),
        ("workers resident, MB", [start.workers_mb for start in starts]),
    ):
        print(f"{title:28}{median(values):8.2f}  ({min(values):.2f} to {max(values):.2f})")
    for words in dict.fromkeys(command.arguments for command in commands):
        _print_command(words, [command for command in commands if command.arguments == words])


def _print_command(words: str, commands: Sequence[Command]) -> None:
    whole = [ms for command in commands for ms in command.command_ms]
    empty = [ms for command in commands for ms in command.python_ms]
    print(
        f"velocity-local {words:13}{median(whole):8.0f} ms  ({min(whole):.0f} to {max(whole):.0f});"
        f" python -c pass {median(empty):.0f} ms"
    )


if __name__ == "__main__":
    main()
