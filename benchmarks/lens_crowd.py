"""Many requests from many client processes, merged into one run: what comes out, and what it took.

python -m benchmarks.lens_crowd --workers 10 --requests 10000

The server emits on a schedule and counts what it emitted itself, so that nothing can be lost.
"""

import argparse
import time

from benchmarks.lens_accuracy import lateness, schedule_server
from velocity_local.lens.distributed.crowd import Crowd
from velocity_local.lens.loads import Concurrency
from velocity_local.lens.results import Metric, RunResult
from velocity_local.lens.samples import collect
from velocity_local.lens.scenarios import Scenario, Synthetic, Target

PERCENTS = (50, 95, 99)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.lens_crowd", description=__doc__)
    parser.add_argument("--workers", type=int, default=10)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--ttft-ms", type=float, default=100.0)
    parser.add_argument("--itl-ms", type=float, default=50.0)
    parser.add_argument("--tokens", type=int, default=8)
    arguments = parser.parse_args()
    begun_s = time.perf_counter()
    with Crowd(arguments.workers) as crowd, schedule_server(arguments) as url:
        started_s = time.perf_counter() - begun_s
        scenario = Scenario(
            target=Target(provider="openai_compatible", url=f"{url}/v1", model="m"),
            workload=Synthetic(prompt_tokens=8, output_tokens=arguments.tokens),
            load=Concurrency(streams=arguments.streams, requests=arguments.requests),
            warmup_requests=0,
        )
        result = crowd.run(scenario, listen=lambda _: None)
        emitted = lateness(url)["n"]
    show(result, arguments, int(emitted), started_s)


def show(result: RunResult, arguments: argparse.Namespace, emitted: int, started_s: float) -> None:
    print(f"{arguments.workers} workers, started in {started_s:.0f} s")
    print(
        f"{result.n_requests} requests, {sum(result.n_errors.values())} failed;"
        f" {result.n_output_tokens} tokens measured, {emitted} emitted"
    )
    for metric, due_ms in (
        (Metric.SERVICE_TTFT_MS, arguments.ttft_ms),
        (Metric.ITL_MS, arguments.itl_ms),
    ):
        values = collect([result], metric)
        assert values is not None
        cells = " ".join(f"p{p} {values.percentile(p):.1f}" for p in PERCENTS)
        print(f"{metric.value}: n {values.n}, {cells} (scheduled: {due_ms:g})")
    assert result.client_overhead is not None
    print(f"busiest client: {result.client_overhead.cpu_share:.0%} of a core")
    print(f"void: {result.void_reason or 'no'}")


if __name__ == "__main__":
    main()
