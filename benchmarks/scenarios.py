"""What agents, chats and restarts do to a server: prompts that share much, and long ones.

    python -m benchmarks.scenarios --peer "llama-server -m {model} --port {port} -t {threads} ..."
    python -m benchmarks.scenarios --only fan-out stall

fan-out         requests at once with one cold beginning: time to the last token of all
conversations   more conversations than slots, in turn: TTFT from the second turn on, beside that
                of one conversation alone
restart         TTFT of a system prompt after a restart, beside the cold one (ours alone)
stall           gaps between the tokens of running streams while a long prompt is read, and its TTFT
mixed           agents, chats, readers and writers, 16 in all: total tokens a second, TTFT

Servers are started one after the other for each round; figures are medians over the rounds, ratios
are taken within a round.
"""

import argparse
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import msgspec

from benchmarks.asking import Turns, answer, ask, system, user
from benchmarks.gguf_random import add_model_arguments, model_from
from benchmarks.machine import look
from benchmarks.measure import Stream, percentile
from benchmarks.mixed import mixed
from benchmarks.processes import Server, new_home, peer, place_model, velocity, velocity_at
from benchmarks.prompts import fresh_seed, prompt_of
from benchmarks.ratios import pairwise_ratio

Figures = dict[str, float]
HEAD_WORDS = 800
TAIL_WORDS = 20
SLOTS = 16


def fan_out(server: Server) -> Figures:
    """Requests at once that share a cold beginning."""
    seed = fresh_seed()
    head = system(prompt_of(HEAD_WORDS, seed=seed))
    tails = [user(prompt_of(TAIL_WORDS, seed=seed + 1 + i)) for i in range(SLOTS)]
    streams = ask(server, [[head, tail] for tail in tails], 32)
    end_s = max(stream.text_s[-1] for stream in streams)
    return {"last token s": end_s - min(stream.sent_s for stream in streams)}


def conversations(server: Server, count: int = 24, n_turns: int = 3) -> Figures:
    """More conversations than there are slots, in turn, then one alone."""
    many = _turn_by_turn(server, count, n_turns)
    alone = _turn_by_turn(server, 1, 8)
    return {"TTFT p50 ms": median(many) * 1e3, "alone p50 ms": median(alone) * 1e3}


def _turn_by_turn(server: Server, count: int, n_turns: int) -> list[float]:
    """Times to the first token, first turns left out."""
    seed = fresh_seed()
    chats: list[Turns] = [[] for _ in range(count)]
    ttft_s: list[float] = []
    for turn in range(n_turns):
        for i, chat in enumerate(chats):
            n_words = TAIL_WORDS if turn else HEAD_WORDS
            chat.append(user(prompt_of(n_words, seed=seed + turn * count + i)))
            [stream] = ask(server, [chat], 8)
            chat.append(answer(stream.text))
            ttft_s += [stream.ttft_s] if turn else []
    return ttft_s


def stall(server: Server, n_streams: int = 4, long_words: int = 5400) -> Figures:
    """A long prompt arrives while others are answered."""
    seed = fresh_seed()
    running: list[Stream] = []

    def run() -> None:
        short = [[user(prompt_of(TAIL_WORDS, seed=seed + i))] for i in range(n_streams)]
        running.extend(ask(server, short, 400))

    thread = threading.Thread(target=run)
    thread.start()
    time.sleep(4.0)
    [long] = ask(server, [[user(prompt_of(long_words, seed=seed + 99))]], 4)
    thread.join()
    first_s = long.text_s[0]
    gaps_ms = [
        gap * 1e3
        for stream in running
        for at, gap in zip(stream.text_s[1:], stream.gaps_s, strict=True)
        if at > long.sent_s and at - gap < first_s
    ]
    return {
        "prompt tokens": float(long.prompt_tokens),
        "long TTFT s": long.ttft_s,
        "gap p50 ms": percentile(gaps_ms, 50),
        "gap p99 ms": percentile(gaps_ms, 99),
        "gap max ms": max(gaps_ms),
    }


def restart(model: Path, settings: tuple[str, ...]) -> Figures:
    """The same system prompt before and after a restart, with another question each time."""
    seed = fresh_seed()
    head = system(prompt_of(HEAD_WORDS, seed=seed))
    ttft_ms: list[float] = []
    with new_home() as home:
        place_model(model, home)
        for start in range(3):
            with velocity_at(home, settings) as server:
                question = user(prompt_of(TAIL_WORDS, seed=seed + 1 + start))
                [stream] = ask(server, [[head, question]], 16)
                ttft_ms.append(stream.ttft_s * 1e3)
    cold_ms, *warm_ms = ttft_ms
    return {"cold ms": cold_ms, "warm ms": median(warm_ms), "share": median(warm_ms) / cold_ms}


@dataclass(frozen=True, slots=True)
class Contenders:
    """How each server is started."""

    ours: Callable[[], AbstractContextManager[Server]]
    peer: Callable[[], AbstractContextManager[Server]] | None

    def each(self) -> Iterator[tuple[str, Callable[[], AbstractContextManager[Server]]]]:
        yield "velocity-local", self.ours
        if self.peer is not None:
            yield "peer", self.peer


SCENARIOS: dict[str, Callable[[Server], Figures]] = {
    "fan-out": fan_out,
    "conversations": conversations,
    "stall": stall,
    "mixed": mixed,
}


def compare(name: str, contenders: Contenders, rounds: int) -> dict[str, dict[str, list[float]]]:
    """Figures by contender and name, one of each for every round."""
    figures: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for contender, start in contenders.each():
            with start() as server:
                ask(server, [[user(prompt_of(TAIL_WORDS, seed=fresh_seed()))]], 8)
                for figure, value in SCENARIOS[name](server).items():
                    figures.setdefault(contender, {}).setdefault(figure, []).append(value)
    return figures


def show(name: str, figures: dict[str, dict[str, list[float]]]) -> None:
    for contender, values in figures.items():
        told = "  ".join(f"{figure} {median(each):.3f}" for figure, each in values.items())
        print(f"{name:14} {contender:15} {told}")
    if "peer" in figures:
        ours, theirs = figures["velocity-local"], figures["peer"]
        ratios = "  ".join(f"{f} {pairwise_ratio(ours[f], theirs[f])}" for f in ours)
        print(f"{name:14} {'ratio':15} {ratios}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.scenarios", description=__doc__)
    parser.add_argument("--peer", help="a server's command; {model}, {port}, {threads} are filled")
    parser.add_argument("--ready-path", default="/health")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--cells", type=int, default=32768)
    parser.add_argument("--only", nargs="*", choices=[*SCENARIOS, "restart"])
    parser.add_argument("--json", action="store_true")
    add_model_arguments(parser)
    asked = parser.parse_args()
    model = model_from(asked)
    settings = (
        f"engine.n_ctx={asked.cells}",
        f"engine.n_seq_max={SLOTS}",
        f"engine.n_threads={asked.threads}",
    )
    contenders = Contenders(
        lambda: velocity(model, settings),
        (lambda: peer(asked.peer, model, threads=asked.threads, ready_path=asked.ready_path))
        if asked.peer
        else None,
    )
    wanted = asked.only or [*SCENARIOS, "restart"]
    all_figures = {
        name: compare(name, contenders, asked.rounds) for name in wanted if name in SCENARIOS
    }
    again = [restart(model, settings) for _ in range(asked.rounds)] if "restart" in wanted else []
    if asked.json:
        print(msgspec.json.encode({**all_figures, "restart": again}).decode())
        return
    print(look())
    for name, figures in all_figures.items():
        show(name, figures)
    if again:
        told = "  ".join(f"{f} {median(run[f] for run in again):.3f}" for f in again[0])
        print(f"{'restart':14} {'velocity-local':15} {told}")


if __name__ == "__main__":
    main()
