"""How often the gate is wrong about a real server: this daemon with the demo model.

python -m benchmarks.lens_gate --pairs 40

Every pair has a baseline, the same server again, and the same server 10 % slower (behind
`stretching_proxy`; the others are behind one that changes nothing). What is printed are counts with
Wilson's 95 % interval. A run that is void is made again, and counted.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.gate_noise import wilson
from benchmarks.lens_report import DEMO
from benchmarks.processes import MODEL_NAME, Server, new_home, place_model, velocity_at
from velocity_local.config.paths import locate
from velocity_local.config.secrets import read_token
from velocity_local.lens import Concurrency, Lens, RunResult, Scenario, Synthetic, Target, formats
from velocity_local.lens.compare import told_errors
from velocity_local.lens.gate import Outcome, judge

KEY = "VELOCITY_BENCH_KEY"
MOST_VOID = 5
Measure = Callable[[float, int], list[RunResult]]


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.lens_gate", description=__doc__)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--runs", type=int, default=1, help="of each side")
    parser.add_argument("--requests", type=int, default=100, help="of each run")
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--prompt-tokens", type=int, default=64)
    parser.add_argument("--output-tokens", type=int, default=32)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write every run there")
    parser.add_argument("--slowdown", type=float, default=1.1)
    arguments = parser.parse_args(given)
    with _measuring(arguments) as measure:
        n_false, n_found = _judged(arguments, measure)
    n = arguments.pairs
    print(f"\n{n} pairs, {arguments.runs} run(s) of {arguments.requests} requests on each side")
    for name, hits in (("same build fails", n_false), (f"{arguments.slowdown:g} x", n_found)):
        low, high = wilson(hits, n)
        print(f"{name}: {hits} of {n} ({low:.0%} to {high:.0%})")


def _judged(arguments: argparse.Namespace, measure: Measure) -> tuple[int, int]:
    """How many pairs failed: of the same build, and of the slower one."""
    n_false = n_found = 0
    measure(1.0, 0)  # thrown away: a machine that stood still is slower at first
    for pair in range(arguments.pairs):
        sides = [1.0, 1.0, arguments.slowdown]
        order = [0, 1, 2] if pair % 2 == 0 else [2, 1, 0]
        made = {place: measure(sides[place], 10 * pair + place) for place in order}
        if arguments.keep:
            for place, runs in made.items():
                path = arguments.keep / f"{pair}-{place}.msgpack"
                formats.write(path, formats.result_file(runs))
        same, slower = judge(made[1], made[0]), judge(made[2], made[0])
        n_false += not same.is_passed
        n_found += not slower.is_passed
        wrong = [check.rule for check in same.checks if check.outcome is Outcome.FAILED]
        print(
            f"pair {pair + 1}: same {same.is_passed} {wrong}, slower {slower.is_passed}", flush=True
        )
    return n_false, n_found


@contextmanager
def _measuring(arguments: argparse.Namespace) -> Iterator[Measure]:
    """Makes the runs of one side, behind a proxy of that factor."""
    with ExitStack() as opened:
        home = opened.enter_context(new_home())
        place_model(DEMO, home)
        through_proxies = 'server.allowed_hosts=["127.0.0.1"]'
        server = opened.enter_context(velocity_at(home, [through_proxies]))
        factors = {1.0, arguments.slowdown}
        urls = {factor: opened.enter_context(_proxy(server, factor)) for factor in factors}
        token = read_token(locate({"VELOCITY_HOME": str(home)}).token_file)
        lens = Lens(environ={**os.environ, KEY: token or ""})

        def measure(factor: float, seed: int) -> list[RunResult]:
            scenario = _scenario(arguments, urls[factor], seed)
            return [_usable(lens, scenario) for _ in range(arguments.runs)]

        yield measure


def _scenario(arguments: argparse.Namespace, url: str, seed: int) -> Scenario:
    """Prompts of one length each, and times as a client sees them: the server's own clock would
    not know that it is slowed down.
    """
    return Scenario(
        name="gate",
        target=Target(provider="openai_compatible", url=f"{url}/v1", model=MODEL_NAME, key_env=KEY),
        workload=Synthetic(
            prompt_tokens=arguments.prompt_tokens, output_tokens=arguments.output_tokens
        ),
        load=Concurrency(streams=arguments.streams, requests=arguments.requests),
        warmup_requests=2 * arguments.streams,
        keep_records=arguments.requests,
        seed=seed,
    )


def _usable(lens: Lens, scenario: Scenario) -> RunResult:
    for _ in range(MOST_VOID):
        result = lens.run(scenario)
        if result.n_errors:
            raise SystemExit(f"requests failed, so nothing is measured: {told_errors(result)}")
        if result.void_reason is None:
            return result
        print(f"void: {result.void_reason}", flush=True)
    raise SystemExit(f"{MOST_VOID} runs were void: this machine is too busy for it")


@contextmanager
def _proxy(server: Server, factor: float) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.stretching_proxy", "--factor", str(factor)]
    command += ["--to", urlsplit(server.url).netloc]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
