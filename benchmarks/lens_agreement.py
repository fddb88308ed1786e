"""The lens beside GuideLLM on the same server and load, in turns: ratios of their medians.

python -m benchmarks.lens_agreement --guidellm /path/to/venv/bin/guidellm
python -m benchmarks.lens_agreement --guidellm ... --url http://127.0.0.1:8080 --model demo

Without --url the server is `schedule_server`. GuideLLM is no dependency: it wants a virtual
environment of its own (pip install guidellm). Its inter-token latency is one mean for each request,
which is what the lens calls time per output token.
"""

import argparse
import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.lens_accuracy import schedule_server
from benchmarks.prompts import fresh_seed, prompt_of
from velocity_local.lens import Concurrency, Lens, PromptFile, Scenario, Target
from velocity_local.lens.quantities import Quantity, parse
from velocity_local.lens.samples import collect

Figures = Mapping[str, float]
LIMIT = 0.03
LENS: Mapping[str, Quantity] = {
    "TTFT p50, ms": parse("service_ttft_ms:p50"),
    "ITL p50, ms": parse("tpot_ms:p50"),
    "whole request p50, ms": parse("service_e2e_ms:p50"),
    "requests/s": parse("requests_per_s"),
    "output tokens/s": parse("total_output_tokens_per_s"),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.lens_agreement", description=__doc__)
    parser.add_argument("--guidellm", default="guidellm", help="its executable")
    parser.add_argument("--url", help="a server's address without /v1")
    parser.add_argument("--model", default="m")
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--requests", type=int, default=160)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=32)
    parser.add_argument("--ttft-ms", type=float, default=100.0)
    parser.add_argument("--itl-ms", type=float, default=25.0)
    arguments = parser.parse_args()
    with server(arguments) as url, tempfile.TemporaryDirectory() as folder:
        rounds = [
            _round(arguments, url, Path(folder), number) for number in range(arguments.rounds)
        ]
    _show(rounds)


@contextmanager
def server(arguments: argparse.Namespace) -> Iterator[str]:
    if arguments.url is not None:
        yield arguments.url.rstrip("/")
        return
    with schedule_server(arguments) as url:
        yield url


def _round(
    arguments: argparse.Namespace, url: str, folder: Path, number: int
) -> tuple[Figures, Figures]:
    """Both with prompts of their own, so that no cache helps the second; the order alternates."""
    prompts = [_prompts(folder / f"{number}-{who}.jsonl", arguments.requests) for who in (0, 1)]
    if number % 2:
        other = by_guidellm(arguments, url, prompts[1])
        return by_lens(arguments, url, prompts[0]), other
    return by_lens(arguments, url, prompts[0]), by_guidellm(arguments, url, prompts[1])


def _prompts(path: Path, n: int) -> Path:
    first = fresh_seed()
    lines = (prompt_of(48, seed=first + number) for number in range(n))
    path.write_text("".join(json.dumps({"prompt": line}) + "\n" for line in lines), "utf-8")
    return path


def by_lens(arguments: argparse.Namespace, url: str, prompts: Path) -> Figures:
    target = Target(provider="openai_compatible", url=f"{url}/v1", model=arguments.model)
    scenario = Scenario(
        target=target,
        workload=PromptFile(path=str(prompts), output_tokens=arguments.tokens),
        load=Concurrency(streams=arguments.streams, requests=arguments.requests),
        warmup_requests=0,
        keep_records=arguments.requests,
    )
    result = Lens().run(scenario)
    if result.n_errors or result.void_reason:
        print(f"lens: {dict(result.n_errors)} {result.void_reason or ''}", flush=True)
    found = {}
    for name, quantity in LENS.items():
        values = collect([result], quantity.metric)
        assert values is not None, name
        found[name] = quantity.of(values)
    return found


def by_guidellm(arguments: argparse.Namespace, url: str, prompts: Path) -> Figures:
    out = prompts.with_suffix(".json")
    command = [arguments.guidellm, "run", "--disable-console"]
    backend = _keys(
        kind="openai_http",
        target=url,
        model=arguments.model,
        max_tokens=arguments.tokens,
        validate_backend="false",
    )
    command += ["--backend", backend]
    command += ["--profile", _keys(kind="concurrent", streams=arguments.streams)]
    command += ["--constraint", _keys(kind="max_requests", count=arguments.requests)]
    command += ["--data", _keys(kind="json_file", path=prompts)]
    command += ["--output", _keys(kind="json", path=out)]
    environ = {**os.environ, "HF_HUB_OFFLINE": "1"}
    subprocess.run(command, check=True, env=environ, capture_output=True)
    (benchmark,) = json.loads(out.read_text("utf-8"))["benchmarks"]
    return _figures(benchmark["metrics"])


def _figures(metrics: Any) -> Figures:
    def of(name: str, statistic: str) -> float:
        return float(metrics[name]["successful"][statistic])

    return {
        "TTFT p50, ms": of("time_to_first_token_ms", "median"),
        "ITL p50, ms": of("inter_token_latency_ms", "median"),
        "whole request p50, ms": of("request_latency", "median") * 1000,
        "requests/s": of("requests_per_second", "mean"),
        "output tokens/s": of("output_tokens_per_second", "mean"),
    }


def _keys(**given: object) -> str:
    return ",".join(f"{name}={value}" for name, value in given.items())


def _show(rounds: list[tuple[Figures, Figures]]) -> None:
    print(f"{len(rounds)} rounds in turns\n")
    print("| figure | lens | GuideLLM | lens / GuideLLM | within 3 % |")
    print("|---|---|---|---|---|")
    for name in LENS:
        ours, theirs = (median(side[name] for side in sides) for sides in zip(*rounds, strict=True))
        ratio = median(one[name] / other[name] for one, other in rounds)
        is_near = "yes" if abs(ratio - 1) <= LIMIT else "no"
        print(f"| {name} | {ours:.2f} | {theirs:.2f} | {ratio:.3f} | {is_near} |")


if __name__ == "__main__":
    main()
