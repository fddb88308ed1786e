"""Sixteen people at once, of four habits, each asking again once the answer is there.

Agents begin with the same instructions; chats have short turns; readers ask twice about a document
of their own; writers want long answers. Nothing is warm when they begin.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from benchmarks.asking import Turns, answer, ask, system, user
from benchmarks.measure import Stream, percentile
from benchmarks.processes import Server
from benchmarks.prompts import fresh_seed, prompt_of


@dataclass(frozen=True, slots=True)
class Habit:
    """What one kind of stream does; lengths in words and tokens."""

    system_words: int
    first_words: int
    later_words: int
    n_turns: int
    max_tokens: int


AGENT = Habit(300, 40, 40, 3, 48)
CHAT = Habit(0, 60, 30, 3, 64)
READER = Habit(0, 400, 20, 2, 32)
WRITER = Habit(0, 20, 0, 1, 160)
STREAMS = (AGENT, CHAT, READER, WRITER) * 4


def mixed(server: Server) -> dict[str, float]:
    """Tokens a second over all of it, and what a first token took."""
    seed = fresh_seed()
    with ThreadPoolExecutor(len(STREAMS)) as pool:
        runs = [
            pool.submit(_converse, server, habit, seed, 100 * (i + 1))
            for i, habit in enumerate(STREAMS)
        ]
        answers = [stream for run in runs for stream in run.result()]
    begun_s = min(stream.sent_s for stream in answers)
    ended_s = max(stream.text_s[-1] for stream in answers)
    n_tokens = sum(stream.completion_tokens for stream in answers)
    ttft_ms = [stream.ttft_s * 1e3 for stream in answers]
    return {"total tok/s": n_tokens / (ended_s - begun_s), "TTFT p50 ms": percentile(ttft_ms, 50)}


def _converse(server: Server, habit: Habit, seed: int, offset: int) -> list[Stream]:
    return list(_answers(server, habit, seed, offset))


def _answers(server: Server, habit: Habit, seed: int, offset: int) -> Iterator[Stream]:
    """`seed` is the same for all streams, so their instructions are; `offset` is their own."""
    instructions = prompt_of(habit.system_words, seed=seed)
    turns: Turns = [system(instructions)] if instructions else []
    for turn in range(habit.n_turns):
        n_words = habit.later_words if turn else habit.first_words
        turns.append(user(prompt_of(n_words, seed=seed + offset + turn)))
        [stream] = ask(server, [turns], habit.max_tokens)
        turns.append(answer(stream.text))
        yield stream
