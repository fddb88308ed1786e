"""Kills workers many times under load and counts what that costs; prints one JSON object.

    python -m tests.process.fleet.kill_drive --kills 100
    python -m tests.process.fleet.kill_drive --kills 50 --demo --tiers

Each round runs streams and as many requests again that wait behind them, and kills the worker
until all are done. Scripted models say the same whatever happens, so every byte is compared;
the demo is asked at temperature 0 and its texts are compared with a run without kills: where
they part, the two tokens must be almost equally likely. With `--tiers` cells are saved to a memory
that is too small for them, and so to files.
"""

import argparse
import asyncio
import json
import math
import os
import random
import signal
import sys
import tempfile
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tests.process.fleet.near_ties import gap, prompt_tokens, widest_tie
from tests.process.fleet.yard import (
    SETTINGS,
    Heard,
    demo_fleet,
    generation,
    listen,
    scripted_fleet,
    status_of,
    until,
)
from velocity_local.core.kv import NO_TIERS, KvTiers
from velocity_local.core.messages import Message
from velocity_local.core.requests import ChatPrompt, GenerationRequest
from velocity_local.core.sampling import SamplingParams
from velocity_local.daemon.fleet.client import Fleet
from velocity_local.worker.backends.fake.script import Babble, Script

BABBLE = Script(reply=Babble(mean_tokens=80), step_delay_s=0.003)
PATIENT = msgspec.structs.replace(SETTINGS, max_starts=1_000_000)
TOPICS = ("a fox", "a whale", "a boat", "a garden", "a lamp", "a bird", "a river", "a friend")


@dataclass
class Tally:
    kills: int = 0
    streams: int = 0
    resumes: int = 0
    bytes_compared: int = 0
    unequal: int = 0
    failed: int = 0
    files: int = 0
    gaps: list[float] = field(default_factory=list)
    widest_tie: float = 0.0
    ready_again_s: list[float] = field(default_factory=list)

    @property
    def is_right(self) -> bool:
        return not self.failed and all(gap <= self.widest_tie for gap in self.gaps)

    def report(self) -> dict[str, float | int]:
        waits = sorted(self.ready_again_s)
        return {
            "kills": self.kills,
            "streams": self.streams,
            "resumes": self.resumes,
            "bytes_compared": self.bytes_compared,
            "unequal_texts": self.unequal,
            "widest_gap_where_texts_part": round(max(self.gaps, default=0.0), 5),
            "widest_tie": round(self.widest_tie, 5),
            "failed_streams": self.failed,
            "files_of_cells": self.files,
            "ready_again_p50_s": round(waits[len(waits) // 2], 3),
            "ready_again_p99_s": round(waits[min(len(waits) - 1, len(waits) * 99 // 100)], 3),
        }


class Drive:
    """`model` is the one that is asked; `fleet` its processes."""

    def __init__(self, fleet: Fleet, *, model: str, streams: int, seed: int) -> None:
        self._fleet = fleet
        self._model = model
        self._streams = streams
        self._random = random.Random(seed)
        self._expected: dict[str, Heard] = {}
        self.tally = Tally()

    async def round(self, number: int, most_kills: int) -> None:
        """All requests of a round, undisturbed the first time, then with kills."""
        requests = [self._request(number, place) for place in range(2 * self._streams)]
        for request in requests:
            if request.id not in self._expected:
                self._expected[request.id] = await listen(self._fleet, request)
        heard = [Heard() for _ in requests]
        async with asyncio.TaskGroup() as group:
            for request, one in zip(requests, heard, strict=True):
                group.create_task(listen(self._fleet, request, one))
            await self._kill(heard, most_kills)
        for request, one in zip(requests, heard, strict=True):
            await self._count(request, one, self._expected[request.id])

    async def _kill(self, heard: list[Heard], most_kills: int) -> None:
        """At random points, until that was often enough or all are done."""
        for _ in range(most_kills):
            target = sum(one.count for one in heard) + self._random.randint(1, 60)
            await until(
                lambda target=target: (  # type: ignore[misc]  # a default binds the loop's value
                    sum(one.count for one in heard) >= target or all(one.is_over for one in heard)
                )
            )
            if all(one.is_over for one in heard):
                return
            await until(lambda: status_of(self._fleet, self._model).state == "ready")
            killed_s = time.perf_counter()
            _kill_worker(self._fleet, self._model)
            restarts = status_of(self._fleet, self._model).restarts
            await until(lambda restarts=restarts: self._is_back(restarts))  # type: ignore[misc]  # as above
            self.tally.kills += 1
            self.tally.ready_again_s.append(time.perf_counter() - killed_s)

    def _is_back(self, restarts: int) -> bool:
        status = status_of(self._fleet, self._model)
        return status.restarts > restarts and status.state == "ready"

    async def _count(self, request: GenerationRequest, heard: Heard, calm: Heard) -> None:
        tally = self.tally
        tally.streams += 1
        tally.resumes += heard.resumes
        tally.bytes_compared += len(calm.text.encode())
        tally.failed += not hasattr(heard.events[-1], "reason")
        if heard.text != calm.text:
            tally.unequal += 1
            tally.gaps.append(await self._gap(request, heard, calm))

    async def _gap(self, request: GenerationRequest, heard: Heard, calm: Heard) -> float:
        """How close the choice was where the texts part; without bound where none was made."""
        if not isinstance(request.prompt, ChatPrompt):
            return math.inf
        question = request.prompt.messages[-1].content or ""
        prompt = await prompt_tokens(self._fleet, question)
        self.tally.widest_tie = self.tally.widest_tie or await self._widest_tie()
        return await gap(self._fleet, prompt, heard.tokens, calm.tokens)

    async def _widest_tie(self) -> float:
        questions = [f"Tell me a story about {topic}." for topic in TOPICS]
        prompts = [await prompt_tokens(self._fleet, question) for question in questions]
        return await widest_tie(self._fleet, prompts)

    def _request(self, number: int, place: int) -> GenerationRequest:
        if self._model == "m":
            return generation(f"round {number} place {place}")
        topic = TOPICS[(number + place) % len(TOPICS)]
        return GenerationRequest(
            id=topic,
            model=self._model,
            prompt=ChatPrompt((Message("user", f"Tell me a story about {topic}."),)),
            sampling=SamplingParams(temperature=0.0, ignore_eos=True),
            max_tokens=200,
            parse_output=True,
        )


def _kill_worker(fleet: Fleet, model: str) -> None:
    pid = status_of(fleet, model).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def _tiers(folder: Path) -> KvTiers:
    return KvTiers(2**20, 2**30, 2**40, str(folder / "kv"), "m", b"k" * 32)


def _fleet(folder: Path, kv: KvTiers, *, demo: bool) -> AbstractAsyncContextManager[Fleet]:
    if demo:
        return demo_fleet(folder, settings=PATIENT, kv=kv)
    return scripted_fleet(folder, {"m": BABBLE}, settings=PATIENT, kv=kv)


def _n_files(folder: Path) -> int:
    return len(list(folder.glob("kv/*/*.kv")))


async def drive(
    kills: int, *, streams: int, seed: int, demo: bool, has_tiers: bool = False
) -> Tally:
    model = "demo" if demo else "m"
    with tempfile.TemporaryDirectory() as folder:
        kv = _tiers(Path(folder)) if has_tiers else NO_TIERS
        async with _fleet(Path(folder), kv, demo=demo) as fleet:
            driver = Drive(fleet, model=model, streams=streams, seed=seed)
            number = 0
            while driver.tally.kills < kills:
                await driver.round(number, kills - driver.tally.kills)
                number += 1
            driver.tally.files = _n_files(Path(folder))
            return driver.tally


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--tiers", action="store_true")
    given = parser.parse_args()
    tally = asyncio.run(
        drive(
            given.kills,
            streams=given.streams,
            seed=given.seed,
            demo=given.demo,
            has_tiers=given.tiers,
        )
    )
    sys.stdout.write(json.dumps(tally.report()) + "\n")
    return 0 if tally.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
