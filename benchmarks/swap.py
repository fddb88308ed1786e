"""Two models that fit one at a time, under load: what is lost, told twice or served out of turn.

    python -m benchmarks.swap

Clients ask for one of two models at random, through a fleet as the daemon has it, with room for
one. Every answer must begin once and end once; requests for one model begin in the order in which
they were asked, and a model whose turn it is has been waited for longest.
"""

import argparse
import asyncio
import json
import random
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from benchmarks.machine import look
from benchmarks.model_load import DEMO, OneFile, entry
from velocity_local.config.paths import data_root
from velocity_local.config.settings import FleetSettings
from velocity_local.core.clock import SystemClock
from velocity_local.core.events import Failed, Finished, Started
from velocity_local.core.models import LoadOptions
from velocity_local.core.requests import GenerationRequest, TextPrompt
from velocity_local.daemon.fleet.client import Fleet

MODELS = ("a", "b")
MOST_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Served:
    """One request: when it was asked and when its answer began, and how often that was told."""

    model: str
    asked_s: float
    started_s: float
    n_started: int
    n_finished: int
    n_failed: int

    @property
    def waited_s(self) -> float:
        return self.started_s - self.asked_s


@dataclass(frozen=True, slots=True)
class Result:
    requests: int
    lost: int
    told_twice: int
    failed: int
    out_of_order: int
    swaps: int
    restarts: int
    median_wait_s: float
    longest_wait_s: float


async def ask(fleet: Fleet, model: str, number: int) -> Served:
    request = GenerationRequest(
        id=f"r{number}", model=model, prompt=TextPrompt(f"Once upon a time {number}"), max_tokens=12
    )
    told: Counter[type] = Counter()
    asked_s = time.monotonic()
    started_s = asked_s
    async with fleet.stream(request) as events:
        async for event in events:
            if isinstance(event, Started):
                started_s = time.monotonic()
            told[type(event)] += 1
    return Served(model, asked_s, started_s, told[Started], told[Finished], told[Failed])


async def client(fleet: Fleet, n_requests: int, rng: random.Random) -> list[Served]:
    served = []
    for _ in range(n_requests):
        served.append(await ask(fleet, rng.choice(MODELS), rng.randrange(10**9)))
        await asyncio.sleep(rng.random() * MOST_PAUSE_S)
    return served


def out_of_order(served: Sequence[Served]) -> int:
    """Requests that began after one of the same model that was asked for later."""
    count = 0
    for model in MODELS:
        by_start = sorted((s for s in served if s.model == model), key=lambda s: s.started_s)
        latest_s = 0.0
        for each in by_start:
            count += each.asked_s < latest_s
            latest_s = max(latest_s, each.asked_s)
    return count


async def measure(n_clients: int, n_requests: int, folder: Path) -> Result:
    """`n_requests` of each client."""
    fleet = Fleet(
        FleetSettings(preload=(), max_loaded_models=1, headroom_bytes=0),
        catalog=OneFile([entry(model, data_root() / DEMO) for model in MODELS]),
        load_options=lambda _: LoadOptions(n_ctx=4096, n_threads=1),
        log_folder=folder,
        clock=SystemClock(),
    )
    try:
        clients = (client(fleet, n_requests, random.Random(seed)) for seed in range(n_clients))
        served = [one for some in await asyncio.gather(*clients) for one in some]
        statuses, notices = fleet.status(), fleet.notices(0)
    finally:
        await fleet.stop(drain_s=0.0)
    waits = [each.waited_s for each in served]
    return Result(
        requests=len(served),
        lost=sum(each.n_finished + each.n_failed == 0 for each in served),
        told_twice=sum(max(each.n_started, each.n_finished) > 1 for each in served),
        failed=sum(each.n_failed for each in served),
        out_of_order=out_of_order(served),
        swaps=sum(notice.kind == "evicted" for notice in notices),
        restarts=sum(status.restarts for status in statuses),
        median_wait_s=median(waits),
        longest_wait_s=max(waits),
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.swap", description=__doc__)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--requests", type=int, default=12, help="of each client")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as logs:
        result = asyncio.run(measure(arguments.clients, arguments.requests, Path(logs)))
    machine = look()
    if arguments.json:
        print(json.dumps({"machine": asdict(machine), "result": asdict(result)}))
        return
    print(machine.line())
    for name, value in asdict(result).items():
        shown = f"{value:8.2f}" if isinstance(value, float) else f"{value:8}"
        print(f"{name.replace('_', ' '):18}{shown}")


if __name__ == "__main__":
    main()
