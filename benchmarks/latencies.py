"""Runs as a server could have made them, from a seed: for checking the lens's statistics.

A run has a factor of its own (machines are not twice the same), a slow drift (neighbouring
requests share it), log-normal noise for each request, and now and then a pause of everything. Runs
made in turns share the machine's moods, round by round.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, sqrt
from random import Random

from velocity_local.lens.results import (
    CacheState,
    CountSource,
    Environment,
    ItlKind,
    Load,
    LoadKind,
    Pairing,
    RequestRecord,
    RunResult,
    Side,
    Tokens,
)

_WANDERING = 0.98


@dataclass(frozen=True, slots=True)
class Server:
    """What is simulated; spreads are of natural logarithms. `slowdown` 1.1 is 10 % slower."""

    slowdown: float = 1.0
    ttft_ms: float = 180.0
    itl_ms: float = 22.0
    between_runs: float = 0.012
    drift: float = 0.04
    stickiness: float = 0.9
    per_request: float = 0.15
    per_token: float = 0.12
    pause_share: float = 0.01
    pause_ms: float = 250.0
    error_share: float = 0.0


def run(
    seed: int,
    server: Server | None = None,
    *,
    n_requests: int = 200,
    n_tokens: int = 48,
    concurrency: int = 4,
    moods: Sequence[float] = (),
    **fields: object,
) -> RunResult:
    """One run of a closed loop; the same seed gives the same run. `moods` are the logarithms of how
    much slower the machine is at each request.
    """
    server = server or Server()
    chance = Random(seed)
    factor = server.slowdown * exp(chance.gauss(0, server.between_runs))
    free_s = [0.0] * concurrency
    drift = 0.0
    records = []
    for index in range(n_requests):
        spread = server.drift * sqrt(1 - server.stickiness**2)
        drift = server.stickiness * drift + chance.gauss(0, spread)
        lane = free_s.index(min(free_s))
        mood = moods[index] if moods else 0.0
        slower = factor * exp(drift + mood)
        record = _request(index, free_s[lane], slower, server, chance, n_tokens)
        free_s[lane] = record.sent_s + (record.e2e_ms or 0.0) / 1000
        records.append(record)
    given: dict[str, object] = {
        "id": f"run-{seed}",
        "started_at_s": 1_790_000_000.0 + seed * 3600,
        "name": "simulated",
        "provider": "velocity-local",
        "model": "demo",
        "scenario": "chat",
        "workload": "synthetic",
        "cache_state": CacheState.COLD,
        "load": Load(kind=LoadKind.CONCURRENCY, concurrency=concurrency, n_requests=n_requests),
        "duration_s": max(free_s),
        "n_requests": n_requests,
        "itl_kind": ItlKind.TOKEN,
        "records": tuple(records),
        "environment": Environment(machine={"cpu": "simulated"}, server={"version": "1"}),
    } | fields
    return RunResult(**given)  # type: ignore[arg-type] # each field by its name


def in_turns(
    seed: int,
    before: Server,
    after: Server,
    *,
    spread: float = 0.15,
    n_requests: int = 200,
    n_tokens: int = 12,
) -> tuple[RunResult, RunResult]:
    """Two runs made in turns on a machine whose speed wanders by `spread` (of a logarithm)."""
    chance = Random(seed)
    moods = [chance.gauss(0, spread)]
    for _ in range(n_requests - 1):
        step = spread * sqrt(1 - _WANDERING**2)
        moods.append(_WANDERING * moods[-1] + chance.gauss(0, step))

    def side(which: Side, server: Server, own_seed: int) -> RunResult:
        pairing = Pairing(f"pair-{seed}", which)
        return run(
            own_seed,
            server,
            n_requests=n_requests,
            n_tokens=n_tokens,
            concurrency=1,
            moods=moods,
            pairing=pairing,
        )

    return side(Side.BEFORE, before, 2 * seed), side(Side.AFTER, after, 2 * seed + 1)


def _request(
    index: int, start_s: float, factor: float, server: Server, chance: Random, n_tokens: int
) -> RequestRecord:
    ttft_ms = server.ttft_ms * factor * exp(chance.gauss(0, server.per_request))
    if chance.random() < server.pause_share:
        ttft_ms += server.pause_ms
    pace_ms = server.itl_ms * factor * exp(chance.gauss(0, server.per_request / 4))
    itl_ms = tuple(pace_ms * exp(chance.gauss(0, server.per_token)) for _ in range(n_tokens - 1))
    failed = chance.random() < server.error_share
    return RequestRecord(
        index=index,
        prompt_id=f"p{index % 16}",
        intended_start_s=start_s,
        start_s=start_s,
        sent_s=start_s,
        cache_state=CacheState.COLD,
        ttft_ms=ttft_ms,
        ttfo_ms=ttft_ms,
        itl_ms=itl_ms,
        itl_kind=ItlKind.TOKEN,
        e2e_ms=ttft_ms + sum(itl_ms),
        tokens=Tokens(source=CountSource.SERVER, prompt=128, output=n_tokens),
        error_kind="http_status" if failed else None,
        status=500 if failed else 200,
        finish_reason=None if failed else "length",
        output_digest=f"{index % 16:064x}",
    )
