"""Kills workers many times under load and counts what that costs; prints one JSON object.

    python -m tests.process.fleet.kill_drive --kills 100
    python -m tests.process.fleet.kill_drive --kills 50 --demo --tiers
    python -m tests.process.fleet.kill_drive --kills 50 --demo --all

Each round runs streams and as many requests again that wait behind them, and kills the worker
until all are done. Scripted models say the same whatever happens, so every byte is compared;
the demo is asked at temperature 0 and its texts are compared with a run without kills: where
they part, the two tokens must be almost equally likely. With `--tiers` cells are saved to a memory
that is too small for them, and so to files. `--all` is that with prompts that share most of
themselves, two adapters beside the model alone, and guesses (looked up, and of a draft model) in
every stream; the run it is compared with has none of these.
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
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import NamedTuple

import msgspec

from tests.process.fleet.kill_tally import Tally
from tests.process.fleet.near_ties import gap, tokens_of, widest_tie
from tests.process.fleet.yard import (
    DEMO_FILE,
    SETTINGS,
    Heard,
    demo_fleet,
    generation,
    listen,
    scripted_fleet,
    status_of,
    until,
)
from tests.support import tiny_adapters
from tests.support.shelved import described
from velocity_local.core.adapters import Adapter
from velocity_local.core.events import Finished
from velocity_local.core.kv import NO_TIERS, KvTiers
from velocity_local.core.messages import Message
from velocity_local.core.models import Speculation
from velocity_local.core.requests import ChatPrompt, GenerationRequest
from velocity_local.core.sampling import SamplingParams
from velocity_local.daemon.fleet.client import Fleet
from velocity_local.worker.backends.fake.script import Babble, Script

TOPICS = ("a fox", "a whale", "a boat", "a garden", "a lamp", "a bird", "a river", "a friend")
ABOUT = "You tell stories to children before they sleep, in short words. " * 4
# Of each stream, at most: who gets nowhere in several lives is taken for the one that ends them.
TOKENS_BETWEEN_KILLS = 20
# Tokens of an answer after which two of them may be almost equally likely.
PLACES = (30, 60, 90)
PATIENT = msgspec.structs.replace(SETTINGS, max_starts=1_000_000)


class Mix(NamedTuple):
    """What is on while workers are killed."""

    has_tiers: bool = False
    has_all: bool = False

    @property
    def script(self) -> Script:
        return Script(
            reply=Babble(mean_tokens=80, repeats=6 if self.has_all else 0), step_delay_s=0.003
        )

    def tiers(self, folder: Path, *, ram_bytes: int) -> KvTiers:
        if not (self.has_tiers or self.has_all):
            return NO_TIERS
        return KvTiers(ram_bytes, 2**30, 2**40, str(folder / "kv"), "m", b"k" * 32)

    def adapters(self, folder: Path, *, model: str) -> tuple[Adapter | None, ...]:
        """What the requests take in turns."""
        if not self.has_all:
            return (None,)
        paths = [folder / f"{name}.gguf" for name in ("one", "two")]
        for seed, path in enumerate(paths):
            if model == "demo":
                tiny_adapters.write_adapter_of(DEMO_FILE, path, seed=seed, strength=0.1)
            else:
                path.touch()
        return (None, *(described(path, name=path.stem, model=model) for path in paths))


class Drive:
    """`fleet` is the one whose workers are killed; `calm` says what should be heard."""

    def __init__(
        self,
        fleet: Fleet,
        calm: Fleet,
        *,
        model: str,
        streams: int,
        seed: int,
        mix: Mix,
        adapters: Sequence[Adapter | None],
    ) -> None:
        self._fleet = fleet
        self._calm = calm
        self._model = model
        self._streams = streams
        self._random = random.Random(seed)
        self._mix = mix
        self._adapters = adapters
        self._expected: dict[str, Heard] = {}
        self._ties: dict[Adapter | None, float] = {}
        self.tally = Tally()

    async def round(self, number: int, most_kills: int) -> None:
        """All requests of a round, undisturbed the first time, then with kills."""
        requests = [self._request(number, place) for place in range(2 * self._streams)]
        for request in requests:
            if request.id not in self._expected:
                self._expected[request.id] = await listen(self._calm, request)
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
            n_open = sum(not one.is_over for one in heard)
            wait_tokens = self._random.randint(1, TOKENS_BETWEEN_KILLS * max(n_open, 1))
            target = sum(one.count for one in heard) + wait_tokens
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
        tally.hear(heard)
        tally.bytes_compared += len(calm.text.encode())
        if heard.text != calm.text and isinstance(heard.events[-1], Finished):
            tally.unequal += 1
            tally.gaps.append(await self._gap(request, heard, calm))

    async def _gap(self, request: GenerationRequest, heard: Heard, calm: Heard) -> float:
        """How close the choice was where the texts part; without bound where none was made."""
        if not isinstance(request.prompt, ChatPrompt):
            return math.inf
        prompt = await tokens_of(self._calm, request.prompt)
        if request.adapter not in self._ties:
            self._ties[request.adapter] = await self._widest_tie(request.adapter)
        self.tally.widest_tie = max(self._ties.values())
        return await gap(self._calm, prompt, heard.tokens, calm.tokens, adapter=request.adapter)

    async def _widest_tie(self, adapter: Adapter | None) -> float:
        """Looked for in the midst of answers: how they begin is seldom in doubt."""
        prompts = [await tokens_of(self._calm, self._story(topic)) for topic in TOPICS]
        said = [
            await listen(self._calm, self._asked(topic, adapter, max_tokens=PLACES[-1]))
            for topic in TOPICS
        ]
        places = [
            [*prompt, *one.tokens[:place]]
            for prompt, one in zip(prompts, said, strict=True)
            for place in PLACES
        ]
        return await widest_tie(self._calm, places, adapter=adapter)

    def _story(self, topic: str) -> ChatPrompt:
        asked = Message("user", f"Tell me a story about {topic}.")
        return ChatPrompt((Message("system", ABOUT), asked) if self._mix.has_all else (asked,))

    def _request(self, number: int, place: int) -> GenerationRequest:
        adapter = self._adapters[place % len(self._adapters)]
        if self._model == "m":
            about = ABOUT if self._mix.has_all else ""
            request = generation(f"{about}round {number} place {place}")
            return msgspec.structs.replace(request, adapter=adapter)
        return self._asked(TOPICS[(number + place) % len(TOPICS)], adapter, max_tokens=200)

    def _asked(self, topic: str, adapter: Adapter | None, *, max_tokens: int) -> GenerationRequest:
        return GenerationRequest(
            id=topic if adapter is None else f"{topic} {adapter.name}",
            model=self._model,
            prompt=self._story(topic),
            sampling=SamplingParams(temperature=0.0, ignore_eos=True),
            max_tokens=max_tokens,
            parse_output=True,
            adapter=adapter,
        )


def _kill_worker(fleet: Fleet, model: str) -> None:
    pid = status_of(fleet, model).pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)


def _fleet(
    folder: Path, mix: Mix, *, streams: int, demo: bool
) -> AbstractAsyncContextManager[Fleet]:
    speculation: Speculation = "on" if mix.has_all else "off"
    if demo:
        return demo_fleet(
            folder,
            settings=PATIENT,
            kv=mix.tiers(folder, ram_bytes=2**20),
            speculation=speculation,
            has_draft=mix.has_all,
        )
    return scripted_fleet(
        folder,
        {"m": mix.script},
        settings=PATIENT,
        n_seq_max=streams if mix.has_all else 64,
        kv=mix.tiers(folder, ram_bytes=2**12),
        speculation=speculation,
        has_draft=mix.has_all,
    )


def _calm_fleet(folder: Path, mix: Mix, *, demo: bool) -> AbstractAsyncContextManager[Fleet]:
    """Nothing is shared, saved or guessed in it."""
    if demo:
        return demo_fleet(folder, speculation="off")
    return scripted_fleet(folder, {"m": mix.script}, speculation="off")


def _n_files(folder: Path) -> int:
    return len(list(folder.glob("kv/*/*.kv")))


async def drive(kills: int, mix: Mix, *, streams: int, seed: int, demo: bool) -> Tally:
    model = "demo" if demo else "m"
    with tempfile.TemporaryDirectory() as name:
        folder, beside = Path(name), Path(name) / "calm"
        beside.mkdir()
        async with (
            _fleet(folder, mix, streams=streams, demo=demo) as fleet,
            _calm_fleet(beside, mix, demo=demo) as calm,
        ):
            driver = Drive(
                fleet, calm, model=model, streams=streams, seed=seed, mix=mix,
                adapters=mix.adapters(folder, model=model),
            )  # fmt: skip
            number = 0
            while driver.tally.kills < kills:
                await driver.round(number, kills - driver.tally.kills)
                number += 1
        driver.tally.files = await asyncio.to_thread(_n_files, folder)
        return driver.tally


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--tiers", action="store_true")
    parser.add_argument("--all", action="store_true")
    given = parser.parse_args()
    mix = Mix(has_tiers=given.tiers, has_all=given.all)
    tally = asyncio.run(
        drive(given.kills, mix, streams=given.streams, seed=given.seed, demo=given.demo)
    )
    sys.stdout.write(json.dumps(tally.report()) + "\n")
    return 0 if tally.is_right else 1


if __name__ == "__main__":
    sys.exit(main())
