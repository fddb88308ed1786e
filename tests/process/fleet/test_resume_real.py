"""The shipped model at temperature 0, its worker killed again and again.

What a stream says after a kill must be what a fresh worker says after prompt and emitted
tokens. Against a run without kills, texts may differ only where two tokens are so close that
the rounding of another batch can swap them.
"""

import asyncio
import random
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest

from tests.process.fleet.near_ties import GREEDY, chat, gap, prompt_tokens, widest_tie
from tests.process.fleet.yard import Heard, demo_fleet, kill, listen, status_of, until
from velocity_local.core.requests import (
    DetokenizeRequest,
    GenerationRequest,
    TokenPrompt,
)
from velocity_local.daemon.fleet.client import Fleet

pytestmark = pytest.mark.process
MAX_TOKENS = 160
KILLS = 6
QUESTIONS = (
    "Hello! How are you?",
    "How do I download a model?",
    "Tell me a story about a fox.",
    "How do I stop velocity-local?",
    "List five animals.",
    "What can you do?",
)


def asked(question: str) -> GenerationRequest:
    return GenerationRequest(
        id=question,
        model="demo",
        prompt=chat(question),
        sampling=GREEDY,
        max_tokens=MAX_TOKENS,
        parse_output=True,
    )


async def continued(fleet: Fleet, tokens: Sequence[int], count: int) -> list[int]:
    """What the model says after these tokens, asked alone."""
    request = GenerationRequest(
        id="c",
        model="demo",
        prompt=TokenPrompt(tuple(tokens)),
        sampling=GREEDY,
        max_tokens=count,
    )
    return (await listen(fleet, request)).tokens


@dataclass
class Run:
    """One disturbed run: what was heard, and how far each stream was at each kill."""

    heard: dict[str, Heard]
    cuts: dict[str, list[int]]
    restarts: int


async def disturbed(fleet: Fleet, seed: int) -> Run:
    random_ = random.Random(seed)
    heard = {question: Heard() for question in QUESTIONS}
    cuts: dict[str, list[int]] = {question: [] for question in QUESTIONS}
    async with asyncio.TaskGroup() as group:
        for question, one in heard.items():
            group.create_task(listen(fleet, asked(question), one))
        for _ in range(KILLS):
            step = random_.randint(5, 20)
            await _all_reach(heard, step)
            await kill(fleet, "demo", signal.SIGKILL)
            await until(lambda: status_of(fleet, "demo").state != "ready")
            for question, one in heard.items():
                cuts[question].append(one.count)
    return Run(heard, cuts, status_of(fleet, "demo").restarts)


async def _all_reach(heard: dict[str, Heard], step: int) -> None:
    """Every stream gets `step` tokens further, or ends."""
    targets = {question: one.count + step for question, one in heard.items()}
    await until(
        lambda: all(
            one.count >= targets[question] or one.is_over for question, one in heard.items()
        )
    )


async def test_a_killed_worker_costs_no_token(tmp_path: Path) -> None:
    async with demo_fleet(tmp_path) as fleet:
        calm = await asyncio.gather(*(listen(fleet, asked(question)) for question in QUESTIONS))
        run = await disturbed(fleet, seed=3)
        prompts = {question: await prompt_tokens(fleet, question) for question in QUESTIONS}
        limit = await widest_tie(fleet, list(prompts.values()))
        equal = 0
        for question, undisturbed in zip(QUESTIONS, calm, strict=True):
            prompt, heard = prompts[question], run.heard[question]
            assert len(heard.tokens) == heard.finished.usage.completion_tokens == MAX_TOKENS
            assert heard.finished.usage.prompt_tokens == len(prompt)
            assert await gap(fleet, prompt, heard.tokens, undisturbed.tokens) <= limit
            equal += heard.text == undisturbed.text
            last = max(cut for cut in run.cuts[question] if cut < MAX_TOKENS)
            emitted, rest = heard.tokens[:last], heard.tokens[last:]
            fresh = await continued(fleet, [*prompt, *emitted], len(rest))
            assert await gap(fleet, [*prompt, *emitted], rest, fresh) <= limit
    assert run.restarts == KILLS
    assert all(one.resumes >= 1 for one in run.heard.values())
    assert equal >= len(QUESTIONS) // 2
    print(f"{KILLS} kills, {len(QUESTIONS)} streams, {equal} texts equal to the calm run")


async def test_the_text_is_what_the_tokens_say(tmp_path: Path) -> None:
    """No byte is lost or repeated where one worker's text ends and the next one's begins."""
    async with demo_fleet(tmp_path) as fleet:
        request = msgspec.structs.replace(asked(QUESTIONS[2]), parse_output=False)
        heard = Heard()
        stream = asyncio.create_task(listen(fleet, request, heard))
        for target in (7, 23, 60):
            await heard.reaches(target)
            await kill(fleet, "demo", signal.SIGKILL)
            await until(lambda: status_of(fleet, "demo").state != "ready")
        await stream
        said = await fleet.detokenize(DetokenizeRequest("d", "demo", tuple(heard.tokens)))
    assert heard.resumes >= 1
    assert heard.text == said
    assert len(heard.tokens) == heard.finished.usage.completion_tokens == MAX_TOKENS
