"""Ratios of velocity-local on MLX to mlx_lm.server, and of kinds of requests to plain ones.

    python -m benchmarks.mlx                    # the demo model, 5 rounds
    python -m benchmarks.mlx --rounds 1 --max-tokens 16

one, many       1 and 8 streams with prompts of their own: total tokens a second, ours / theirs
fan-out         8 requests at once with one cold beginning: time to the last token, theirs / ours
seeded, drafted, constrained
                8 streams of that kind: total tokens a second, as a share of 8 plain ones' (ours)

Both servers stay loaded and take turns; ratios are taken within a round. On Linux MLX computes on
the processor, where its products are not optimised: only the ratios mean anything there. Ends of
answers are ruled out by `logit_bias`, which both servers know.
"""

import argparse
import re
import shlex
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import msgspec

from benchmarks.load import Recording, record
from benchmarks.machine import look
from benchmarks.measure import FailedStream
from benchmarks.processes import MODEL_NAME, Server, new_home, peer, velocity_at
from benchmarks.prompts import fresh_seed, prompt_of
from benchmarks.ratios import pairwise_ratio
from benchmarks.sse import read_answer

Body = dict[str, Any]
Figures = dict[str, list[float]]

STREAMS = 8
WORDS = 40
HEAD_WORDS, TAIL_WORDS = 85, 6
TIMEOUT_S = 600.0
DEMO = Path(__file__).resolve().parent.parent / "models" / "demo" / "mlx"
_LONG = {"type": "object", "properties": {"text": {"type": "string", "minLength": 2000}}}
CONSTRAINED: Body = {
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "long", "schema": {**_LONG, "required": ["text"]}},
    }
}


class Answer(NamedTuple):
    """One request as its client saw it; tokens are counted whether they show as text or not."""

    sent_s: float
    end_s: float
    tokens: int


class Bench:
    """What is asked of servers, with answers of `max_tokens`."""

    def __init__(self, *, max_tokens: int, ends: Sequence[int]) -> None:
        self._plain: Body = {
            "max_tokens": max_tokens,
            "temperature": 0.8,
            "top_p": 0.95,
            "stream": True,
            "stream_options": {"include_usage": True},
            "logit_bias": {str(token): -100 for token in ends},
        }

    def rate(self, server: Server, n_streams: int, **more: Any) -> float:
        """Tokens a second of streams that begin together."""
        seed = fresh_seed()
        prompts = [prompt_of(WORDS, seed=seed + i) for i in range(n_streams)]
        return _rate(self._ask(server, prompts, **more))

    def copied_rate(self, server: Server) -> float:
        """The same where prompts repeat themselves, which guesses are made of."""
        seed = fresh_seed()
        prompts = [" ".join([prompt_of(8, seed=seed + i)] * 5) for i in range(STREAMS)]
        return _rate(self._ask(server, prompts))

    def fan_out_s(self, server: Server) -> float:
        """Time to the last token of requests with one beginning that nobody has seen."""
        seed = fresh_seed()
        head = prompt_of(HEAD_WORDS, seed=seed)
        tails = [prompt_of(TAIL_WORDS, seed=seed + 1 + i) for i in range(STREAMS)]
        return _duration_s(self._ask(server, [f"{head} {tail}" for tail in tails], max_tokens=4))

    def _ask(self, server: Server, prompts: Sequence[str], **more: Any) -> list[Answer]:
        bodies = [
            {
                **self._plain,
                **more,
                "model": server.model,
                "messages": [{"role": "user", "content": prompt}],
            }
            for prompt in prompts
        ]
        host, _, port = server.url.removeprefix("http://").partition(":")
        requests = [_request(f"{host}:{port}", body) for body in bodies]
        recorded = record((host, int(port)), requests, timeout_s=TIMEOUT_S)
        return [_answer(each) for each in recorded]


def measure(bench: Bench, ours: Server, theirs: Server | None, rounds: int) -> Figures:
    """One round that is not counted, then `rounds` that are."""
    figures: Figures = {}
    for number in range(rounds + 1):
        found = _round(bench, ours, theirs)
        if number:
            for name, value in found.items():
                figures.setdefault(name, []).append(value)
            print(f"round {number} of {rounds}: {found}", file=sys.stderr, flush=True)
    return figures


def _round(bench: Bench, ours: Server, theirs: Server | None) -> dict[str, float]:
    found = {
        "ours 1": bench.rate(ours, 1),
        "ours 8": bench.rate(ours, STREAMS),
        "ours seeded": bench.rate(ours, STREAMS, seed=7),
        "ours constrained": bench.rate(ours, STREAMS, **CONSTRAINED),
        "ours drafted": bench.copied_rate(ours),
        "ours fan-out s": bench.fan_out_s(ours),
    }
    if theirs is None:
        return found
    return found | {
        "theirs 1": bench.rate(theirs, 1),
        "theirs 8": bench.rate(theirs, STREAMS),
        "theirs fan-out s": bench.fan_out_s(theirs),
    }


def table(figures: Figures) -> Iterator[str]:
    yield "| figure | ratio: median (lowest to highest) | must reach |"
    yield "|---|---|---|"
    plain = figures["ours 8"]
    if "theirs 1" in figures:
        for n in (1, STREAMS):
            ratio = pairwise_ratio(figures[f"ours {n}"], figures[f"theirs {n}"])
            yield f"| {n} streams, tokens/s, ours / theirs | {ratio} | 1.0 |"
        ratio = pairwise_ratio(figures["theirs fan-out s"], figures["ours fan-out s"])
        yield f"| fan-out of {STREAMS}, s, theirs / ours | {ratio} | 3 |"
    for kind in ("seeded", "drafted", "constrained"):
        ratio = pairwise_ratio(figures[f"ours {kind}"], plain)
        yield f"| {STREAMS} {kind}, tokens/s, of plain ones | {ratio} | 0.9 |"
    for name, values in figures.items():
        yield f"| {name} | {median(values):.2f} | |"


@contextmanager
def ours_on(model: Path) -> Iterator[Server]:
    with new_home() as home:
        models = home / "models"
        models.mkdir(mode=0o700)
        shutil.copytree(model, models / MODEL_NAME)
        with velocity_at(home, ("engine.speculation=auto",)) as server:
            yield server


def _answer(recorded: Recording) -> Answer:
    status, events = read_answer(recorded.pieces)
    counted = re.findall(rb'"completion_tokens": ?(\d+)', b"".join(data for _, data in events))
    if status != 200 or not counted:
        raise FailedStream(f"status {status}: {[data for _, data in events][-3:]}")
    return Answer(recorded.sent_s, events[-1][0], int(counted[-1]))


def _duration_s(answers: Sequence[Answer]) -> float:
    return max(one.end_s for one in answers) - min(one.sent_s for one in answers)


def _rate(answers: Sequence[Answer]) -> float:
    return sum(one.tokens for one in answers) / _duration_s(answers)


def _request(host: str, body: Body) -> bytes:
    data = msgspec.json.encode(body)
    head = [
        "POST /v1/chat/completions HTTP/1.1",
        f"Host: {host}",
        "Content-Type: application/json",
        f"Content-Length: {len(data)}",
        "Connection: close",
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + data


def _ends(model: Path) -> list[int]:
    declared = msgspec.json.decode((model / "generation_config.json").read_bytes())["eos_token_id"]
    return declared if isinstance(declared, list) else [declared]


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.mlx")
    parser.add_argument("--model", type=Path, default=DEMO, help="a folder in MLX's form")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--max-tokens", type=int, default=48)
    parser.add_argument("--alone", action="store_true", help="without mlx_lm.server")
    arguments = parser.parse_args()
    bench = Bench(max_tokens=arguments.max_tokens, ends=_ends(arguments.model))
    command = (
        f"{shlex.quote(sys.executable)} -m mlx_lm server --model {{model}} --port {{port}} "
        "--host 127.0.0.1 --log-level ERROR"
    )
    with ours_on(arguments.model) as ours:
        if arguments.alone:
            figures = measure(bench, ours, None, arguments.rounds)
        else:
            model = arguments.model.resolve()
            with peer(command, model, threads=1, ready_path="/health", name=str(model)) as theirs:
                figures = measure(bench, ours, theirs, arguments.rounds)
    print(f"{look().line()}. {arguments.model.name}, answers of {arguments.max_tokens} tokens.")
    print("\n".join(table(figures)))


if __name__ == "__main__":
    main()
