"""Requests a second on `/v1/models`, measured with wrk beside the daemon.

python -m benchmarks.http_rate
"""

import argparse
import json
import re
import shutil
import subprocess
from dataclasses import asdict, dataclass
from statistics import median

from benchmarks.machine import look
from benchmarks.processes import velocity

_UNITS_MS = {"us": 1e-3, "ms": 1.0, "s": 1e3}
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_P99 = re.compile(r"99%\s+([\d.]+)(us|ms|s)\b")
_FAULTS = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors: (.+)")


@dataclass(frozen=True, slots=True)
class Rate:
    """One run of wrk."""

    requests_per_s: float
    p99_ms: float


def read_wrk(text: str) -> Rate:
    """
    Raises:
        ValueError: if figures are missing, or not every answer was a good one.
    """
    faults = _FAULTS.search(text)
    if faults is not None:
        raise ValueError(f"wrk reports: {faults[0]}")
    rate, p99 = _RATE.search(text), _P99.search(text)
    if rate is None or p99 is None:
        raise ValueError(f"no figures in what wrk printed:\n{text}")
    return Rate(float(rate[1]), float(p99[1]) * _UNITS_MS[p99[2]])


def measure(url: str, *, connections: int, seconds: int) -> Rate:
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("wrk is not installed; the system's packages have it as `wrk`")
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url]
    return read_wrk(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.http_rate", description=__doc__)
    parser.add_argument("--url", help="a server that runs already; else a daemon is started")
    parser.add_argument("--path", default="/v1/models")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=5, help="after one that is not counted")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    machine = look()
    if arguments.url:
        rates = _repeat(arguments.url, arguments)
    else:
        with velocity(None) as server:
            rates = _repeat(server.url, arguments)
    if arguments.json:
        rows = [asdict(rate) for rate in rates]
        print(json.dumps({"machine": asdict(machine), "rates": rows}))
        return
    print(machine.line())
    print(
        f"{arguments.path}, {arguments.connections} connections:"
        f" {median(rate.requests_per_s for rate in rates):.0f} requests/s,"
        f" p99 {median(rate.p99_ms for rate in rates):.1f} ms"
        f" (worst {max(rate.p99_ms for rate in rates):.1f})"
    )


def _repeat(url: str, arguments: argparse.Namespace) -> list[Rate]:
    return [
        measure(url + arguments.path, connections=arguments.connections, seconds=arguments.seconds)
        for _ in range(arguments.repeats + 1)
    ][1:]


if __name__ == "__main__":
    main()
