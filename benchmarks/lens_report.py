"""Makes a report of this daemon with the demo model beside another server with the same file.

python -m benchmarks.lens_report --out docs/lens-report.html \
  --peer "llama-server -m {model} --port {port} --host 127.0.0.1 -t {threads} -np 8 -c 8192 \
  --alias demo --no-webui" --peer-name "llama.cpp server (llama-cpp-python 0.3.36)"

Both run all the time and are asked in turns, round by round; the one that is not asked is idle.
Prompts are as long for both, and new for each load.
"""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.processes import new_home, peer, velocity_at
from velocity_local.config.atomic import write_atomic
from velocity_local.core.release import RELEASE
from velocity_local.lens import Concurrency, Lens, RunResult, Scenario, Synthetic, Target
from velocity_local.lens.report.page import page

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "models" / "demo" / "velocity-demo-f16.gguf"


def main() -> None:
    arguments = _parser().parse_args()
    runs: list[RunResult] = []
    with servers(arguments) as (environ, targets):
        for number, streams in enumerate(arguments.loads):
            ours, theirs = (
                _scenario(arguments, name, target, streams, seed=number)
                for name, target in targets.items()
            )
            pair = Lens(environ=environ).run_in_turns(theirs, ours)
            runs += reversed(pair)
            for result in pair:
                server = result.labels["server"]
                print(f"{server}, {streams} at once: {_outcome(result)}", flush=True)
                if result.partial_reason is not None:
                    raise SystemExit(f"no report: {result.partial_reason}")
    write_atomic(
        arguments.out, page(runs, title=arguments.title, note=arguments.note).encode(), mode=0o644
    )
    print(f"wrote {arguments.out}")


@contextmanager
def servers(
    arguments: argparse.Namespace,
) -> Iterator[tuple[dict[str, str], dict[str, Target]]]:
    """Both servers; the environment in which the lens finds the daemon."""
    settings = [f"engine.n_threads={arguments.threads}"]
    with (
        new_home() as home,
        velocity_at(home, settings, has_model=False),
        peer(arguments.peer, DEMO, threads=arguments.threads, ready_path="/health") as other,
    ):
        yield (
            {**os.environ, "VELOCITY_HOME": str(home)},
            {
                f"velocity-local {RELEASE}": Target(model="demo"),
                arguments.peer_name: Target(
                    provider=arguments.peer_provider, url=f"{other.url}/v1", model=other.model
                ),
            },
        )


def _scenario(
    arguments: argparse.Namespace, server: str, target: Target, streams: int, *, seed: int
) -> Scenario:
    return Scenario(
        name="demo",
        target=target,
        workload=Synthetic(
            prompt_tokens=arguments.prompt_tokens, output_tokens=arguments.output_tokens
        ),
        load=Concurrency(streams=streams, requests=max(arguments.requests, 12 * streams)),
        warmup_requests=2 * streams,
        keep_records=10_000,
        seed=seed,
        labels={"server": server},
    )


def _outcome(result: RunResult) -> str:
    failed = sum(result.n_errors.values())
    doubt = f", void: {result.void_reason}" if result.void_reason else ""
    return f"{result.n_requests} requests, {failed} failed, {result.duration_s:.1f} s{doubt}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks.lens_report", description=__doc__)
    parser.add_argument("--peer", required=True, help="with {model}, {port} and {threads}")
    parser.add_argument("--peer-name", required=True, help="how the report calls it")
    parser.add_argument("--peer-provider", default="llama_cpp")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of both")
    parser.add_argument("--loads", type=_numbers, default=[1, 2, 4, 8])
    parser.add_argument("--requests", type=int, default=120)
    parser.add_argument("--prompt-tokens", type=int, default=128)
    parser.add_argument("--output-tokens", type=int, default=64)
    parser.add_argument("--title", default="The demo model on two servers")
    parser.add_argument("--note", default="", help="what readers must know, beside the title")
    parser.add_argument("--out", type=Path, required=True)
    return parser


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    main()
