"""How exactly the lens measures: against a server that emits at exact times.

python -m benchmarks.lens_accuracy --streams 50
python -m benchmarks.lens_accuracy --streams 1000 --itl-ms 200 --tokens 20
"""

import argparse
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from velocity_local.lens.api import Lens
from velocity_local.lens.loads import Concurrency
from velocity_local.lens.percentiles import percentile
from velocity_local.lens.results import RunResult
from velocity_local.lens.scenarios import Patience, Scenario, Synthetic, Target


@contextmanager
def schedule_server(arguments: argparse.Namespace) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.schedule_server"]
    for name in ("ttft_ms", "itl_ms", "tokens", "streams"):
        command += [f"--{name.replace('_', '-')}", str(getattr(arguments, name))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


def lateness(url: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{url}/lateness", timeout=10) as answer:
        return dict(json.load(answer))


def errors_ms(result: RunResult, arguments: argparse.Namespace) -> dict[str, list[float]]:
    """Measured minus scheduled, without sign."""
    answered = [record for record in result.records if record.error_kind is None]
    return {
        "TTFT": [abs((record.ttft_ms or 0) - arguments.ttft_ms) for record in answered],
        "ITL": [abs(gap - arguments.itl_ms) for record in answered for gap in record.itl_ms],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.lens_accuracy", description=__doc__)
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--requests", type=int, help="two for each stream by default")
    parser.add_argument("--ttft-ms", type=float, default=50.0)
    parser.add_argument("--itl-ms", type=float, default=20.0)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--memory", action="store_true", help="how memory grows, by requests done")
    arguments = parser.parse_args()
    n = arguments.requests or 2 * arguments.streams
    rss: list[tuple[int, int]] = []
    done = 0

    def listen(event: object) -> None:
        nonlocal done
        if type(event).__name__ == "Answered":
            done += 1
            if arguments.memory and done % (max(10, n // 10)) == 0:
                rss.append((done, psutil.Process().memory_info().rss))

    with schedule_server(arguments) as url:
        scenario = Scenario(
            target=Target(provider="openai_compatible", url=f"{url}/v1", model="m"),
            workload=Synthetic(prompt_tokens=8, output_tokens=arguments.tokens),
            load=Concurrency(streams=arguments.streams, requests=n),
            warmup_requests=arguments.streams,
            patience=Patience(total_s=120),
            keep_records=1000 if arguments.memory else n,
        )
        result = Lens(environ={}).run(scenario, on_event=listen)
        server = lateness(url)
    rate = (result.n_output_tokens or 0) / result.duration_s
    print(f"{arguments.streams} streams, {result.n_requests} requests, {rate:.0f} tokens/s")
    print(f"errors: {result.n_errors or 'none'}")
    for name, values in errors_ms(result, arguments).items():
        if values:
            ordered = sorted(values)
            cells = " ".join(f"p{p} {percentile(ordered, p):.3f}" for p in (50, 99))
            print(f"{name} error, ms: {cells}")
    print(f"server's own lateness, ms: p50 {server['p50_ms']:.3f} p99 {server['p99_ms']:.3f}")
    overhead = result.client_overhead
    assert overhead is not None
    print(
        f"client delay, ms: p50 {overhead.delay_p50_ms:.3f} p99 {overhead.delay_p99_ms:.3f};"
        f" {overhead.cpu_share:.0%} of a core; void: {result.void_reason or 'no'}"
    )
    per_request_ms = overhead.cpu_share * result.duration_s / result.n_requests * 1000
    print(f"client's processor time: {per_request_ms:.3f} ms a request")
    for n_done, size in rss:
        print(f"{n_done} requests: {size / 1e6:.1f} MB ({size / rss[0][1]:.3f} of the first)")


if __name__ == "__main__":
    main()
