"""How often the gate cries wolf, and how often it sees a slowdown.

Run as `python -m benchmarks.gate_noise`.

Every pair is two runs from `latencies`: of the same server, or of one that is slower. What is
printed are counts, with Wilson's 95 % interval. `--pairs`, `--requests`, `--runs` (of each side).
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from math import sqrt

from benchmarks.latencies import Server, run
from velocity_local.lens.gate import judge
from velocity_local.lens.results import RunResult

QUIET = Server()
SCENES = {
    "quiet machine (runs differ by 1.2 %)": QUIET,
    "laptop (2 %)": replace(QUIET, between_runs=0.02, drift=0.05),
    "shared runner (3 %)": replace(QUIET, between_runs=0.03, drift=0.06, pause_share=0.03),
}
SLOWDOWNS = (1.0, 1.05, 1.1)


def fails(pair: int, server: Server, slowdown: float, *, n_requests: int, n_runs: int) -> bool:
    """Whether the gate at its defaults fails the second side of that pair."""
    before = _side(pair * 1000, server, n_requests, n_runs)
    after = _side(pair * 1000 + 500, replace(server, slowdown=slowdown), n_requests, n_runs)
    return not judge(after, before).is_passed


def _side(seed: int, server: Server, n_requests: int, n_runs: int) -> list[RunResult]:
    return [run(seed + number, server, n_requests=n_requests) for number in range(n_runs)]


def wilson(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share: E. B. Wilson, JASA 22, 1927."""
    z = 1.959964
    share, scale = hits / n, 1 + z * z / n
    middle = (share + z * z / (2 * n)) / scale
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / scale
    return middle - half, middle + half


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--scene", choices=list(SCENES), action="append")
    given = parser.parse_args(arguments)
    print(f"{given.pairs} pairs, {given.runs} run(s) of {given.requests} requests on each side\n")
    print("| server | " + " | ".join(f"{slow - 1:.0%} slower" for slow in SLOWDOWNS) + " |")
    print("|---" * (len(SLOWDOWNS) + 1) + "|")
    for name in given.scene or SCENES:
        cells = []
        for slowdown in SLOWDOWNS:
            hits = sum(
                fails(pair, SCENES[name], slowdown, n_requests=given.requests, n_runs=given.runs)
                for pair in range(given.pairs)
            )
            low, high = wilson(hits, given.pairs)
            cells.append(f"{hits} fail ({low:.0%} to {high:.0%})")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
