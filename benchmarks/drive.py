"""Drives any OpenAI-compatible server with streams that start together, and measures them.

python -m benchmarks.drive --url http://127.0.0.1:8621 --model demo --streams 16
"""

import argparse
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.load import Load, Target, run_load
from benchmarks.measure import Run
from benchmarks.prompts import fresh_seed
from benchmarks.sampling import add_sampling_arguments, sampling_from


def add_load_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--words", type=int, default=100, help="length of each prompt")
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--timeout-s", type=float, default=600.0)


def print_run(run: Run) -> None:
    print(
        f"{run.streams:3} streams  {run.total_tokens_per_s:6.1f} tok/s in all"
        f"  decode {run.decode_tokens_per_s:6.1f} tok/s"
        f"  TTFT p50 {run.ttft_p50_ms:.1f} p99 {run.ttft_p99_ms:.1f} ms"
        f"  ITL p50 {run.itl_p50_ms:.2f} p99 {run.itl_p99_ms:.2f} ms"
        f"  client {run.client_us_per_token:.0f} us/token"
    )


def drive(arguments: argparse.Namespace) -> list[Run]:
    """One run that is not counted, then the repeats."""
    api_key = arguments.api_key_file.read_text().strip() if arguments.api_key_file else None
    target = Target(arguments.url, arguments.model, api_key=api_key)
    runs: list[Run] = []
    seed = fresh_seed()
    for repeat in range(arguments.repeats + 1):
        load = Load(
            streams=arguments.streams,
            words=arguments.words,
            max_tokens=arguments.max_tokens,
            sampling=sampling_from(arguments),
            first_seed=seed + repeat * arguments.streams,
            timeout_s=arguments.timeout_s,
        )
        runs.append(run_load(target, load))
    return runs[1:]


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.drive", description=__doc__)
    parser.add_argument("--url", required=True, help="such as http://127.0.0.1:8621")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--api-key-file", type=Path)
    parser.add_argument("--streams", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    add_load_arguments(parser)
    add_sampling_arguments(parser)
    arguments = parser.parse_args()
    runs = drive(arguments)
    if arguments.json:
        print(msgspec.json.encode(runs).decode())
        return
    for run in runs:
        print_run(run)
    print(f"median: {median(run.total_tokens_per_s for run in runs):.1f} tok/s in all")


if __name__ == "__main__":
    main()
