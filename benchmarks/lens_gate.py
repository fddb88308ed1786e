"""How often the gate is wrong about a real server: this daemon with the demo model.

python -m benchmarks.lens_gate --pairs 40

The server is asked in turns beside itself (behind two proxies that change nothing), and beside one
that is 10 % slower (`stretching_proxy`). With `--apart` runs are made one after another, as if they
were of two days: a baseline, the same server again, and the slower one. What is printed are counts
with Wilson's 95 % interval. A run that is void is made again, and counted.
"""

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from benchmarks.gate_noise import wilson
from benchmarks.lens_report import DEMO
from benchmarks.processes import MODEL_NAME, Server, new_home, place_model, velocity_at
from velocity_local.config.paths import locate
from velocity_local.config.secrets import read_token
from velocity_local.lens import Concurrency, Lens, RunResult, Scenario, Synthetic, Target, formats
from velocity_local.lens.compare import told_errors
from velocity_local.lens.gate import Outcome, judge

Made = TypeVar("Made", bound=tuple[RunResult, ...])
KEY = "VELOCITY_BENCH_KEY"
MOST_VOID = 5
Runs = list[RunResult]
Pair = tuple[Runs, Runs]
Measure = Callable[[int], tuple[Pair, Pair]]
"""The pair of that number: of the same build, and of the slower one; each before and after."""


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.lens_gate", description=__doc__)
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--runs", type=int, default=1, help="of each side")
    parser.add_argument("--requests", type=int, default=200, help="of each run")
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--prompt-tokens", type=int, default=64)
    parser.add_argument("--output-tokens", type=int, default=32)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write every run there")
    parser.add_argument("--apart", action="store_true", help="one run after another")
    parser.add_argument("--slowdown", type=float, default=1.1)
    arguments = parser.parse_args(given)
    with _measuring(arguments) as measure:
        n_false, n_found = _judged(arguments, measure)
    n, how = arguments.pairs, "apart" if arguments.apart else "in turns"
    size = f"{arguments.runs} run(s) of {arguments.requests} requests on each side"
    print(f"\n{n} pairs {how}, {size}")
    for name, hits in (("same build fails", n_false), (f"{arguments.slowdown:g} x", n_found)):
        low, high = wilson(hits, n)
        print(f"{name}: {hits} of {n} ({low:.0%} to {high:.0%})")


def _judged(arguments: argparse.Namespace, measure: Measure) -> tuple[int, int]:
    """How many pairs failed: of the same build, and of the slower one."""
    n_false = n_found = 0
    measure(-1)  # thrown away: a machine that stood still is slower at first
    for number in range(arguments.pairs):
        pairs = measure(number)
        if arguments.keep:
            _keep(arguments.keep, number, pairs)
        same, slower = (judge(after, before) for before, after in pairs)
        n_false += not same.is_passed
        n_found += not slower.is_passed
        wrong = [check.rule for check in same.checks if check.outcome is Outcome.FAILED]
        print(
            f"pair {number + 1}: same {same.is_passed} {wrong}, slower {slower.is_passed}",
            flush=True,
        )
    return n_false, n_found


def _keep(folder: Path, number: int, pairs: tuple[Pair, Pair]) -> None:
    for name, (before, after) in zip(("same", "slower"), pairs, strict=True):
        path = folder / f"{number}-{name}.msgpack"
        formats.write(path, formats.result_file([*before, *after]))


@contextmanager
def _measuring(arguments: argparse.Namespace) -> Iterator[Measure]:
    """Makes pairs; the slower server is behind a proxy of that factor."""
    with ExitStack() as opened:
        home = opened.enter_context(new_home())
        place_model(DEMO, home)
        through_proxies = 'server.allowed_hosts=["127.0.0.1"]'
        server = opened.enter_context(velocity_at(home, [through_proxies]))
        factors = (1.0, 1.0, arguments.slowdown)
        targets = [_target(opened.enter_context(_proxy(server, factor))) for factor in factors]
        token = read_token(locate({"VELOCITY_HOME": str(home)}).token_file)
        lens = Lens(environ={**os.environ, KEY: token or ""})
        make = _apart if arguments.apart else _in_turns
        yield lambda number: make(lens, arguments, targets, number)


def _in_turns(
    lens: Lens, arguments: argparse.Namespace, targets: Sequence[Target], number: int
) -> tuple[Pair, Pair]:
    before, same, slower = targets
    scenario = _scenario(arguments, number)
    base = msgspec.structs.replace(scenario, target=before)

    def pair(target: Target) -> Pair:
        asked = msgspec.structs.replace(scenario, target=target)
        made = [_usable(lambda: lens.run_in_turns(base, asked)) for _ in range(arguments.runs)]
        return [first for first, _ in made], [second for _, second in made]

    return pair(same), pair(slower)


def _apart(
    lens: Lens, arguments: argparse.Namespace, targets: Sequence[Target], number: int
) -> tuple[Pair, Pair]:
    """Three sides, forwards and backwards by turns; both pairs have the same baseline."""
    scenario = _scenario(arguments, number)
    made: dict[int, Runs] = {}
    for place in (0, 1, 2) if number % 2 == 0 else (2, 1, 0):
        asked = msgspec.structs.replace(scenario, target=targets[place])
        made[place] = [_usable(partial(_alone, lens, asked))[0] for _ in range(arguments.runs)]
    return (made[0], made[1]), (made[0], made[2])


def _alone(lens: Lens, scenario: Scenario) -> tuple[RunResult]:
    return (lens.run(scenario),)


def _target(url: str) -> Target:
    return Target(provider="openai_compatible", url=f"{url}/v1", model=MODEL_NAME, key_env=KEY)


def _scenario(arguments: argparse.Namespace, seed: int) -> Scenario:
    """Prompts of one length each, and times as a client sees them: the server's own clock would
    not know that it is slowed down.
    """
    return Scenario(
        name="gate",
        workload=Synthetic(
            prompt_tokens=arguments.prompt_tokens, output_tokens=arguments.output_tokens
        ),
        load=Concurrency(streams=arguments.streams, requests=arguments.requests),
        warmup_requests=2 * arguments.streams,
        keep_records=arguments.requests,
        seed=max(0, seed),
    )


def _usable(make: Callable[[], Made]) -> Made:
    for _ in range(MOST_VOID):
        made = make()
        for result in made:
            if result.n_errors:
                raise SystemExit(f"requests failed, so nothing is measured: {told_errors(result)}")
        reasons = [result.void_reason for result in made if result.void_reason is not None]
        if not reasons:
            return made
        print(f"void: {reasons[0]}", flush=True)
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
