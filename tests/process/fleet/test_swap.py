"""Two models that only fit one at a time, under load: no request is lost, and whoever asked
first is served first.
"""

import asyncio
import random
from pathlib import Path

import msgspec
import pytest

from tests.process.fleet.yard import (
    SETTINGS,
    Heard,
    generation,
    listen,
    scripted_fleet,
    status_of,
    wait_for_state,
)
from velocity_local.core.events import Finished
from velocity_local.daemon.fleet.client import Fleet
from velocity_local.worker.backends.fake.script import Babble, Script

pytestmark = pytest.mark.process
ONE_PLACE = msgspec.structs.replace(SETTINGS, max_loaded_models=1, headroom_bytes=0)
SCRIPT = Script(reply=Babble(mean_tokens=12), step_delay_s=0.001)
MODELS = {"a": SCRIPT, "b": SCRIPT}


async def ask(fleet: Fleet, model: str, prompt: str, served: list[str]) -> Heard:
    heard = await listen(fleet, msgspec.structs.replace(generation(prompt), model=model))
    served.append(prompt)
    return heard


async def test_waiters_are_served_in_the_order_of_their_models_turns(tmp_path: Path) -> None:
    """a runs; b is asked for, then a again: a's second waits for b's turn, and nobody starves."""
    served: list[str] = []
    async with scripted_fleet(tmp_path, MODELS, settings=ONE_PLACE) as fleet:
        await ask(fleet, "a", "warm", served)
        turns = [("b", "b0"), ("a", "a1"), ("b", "b1"), ("a", "a2")]
        tasks = []
        for model, prompt in turns:
            tasks.append(asyncio.create_task(ask(fleet, model, prompt, served)))
            await asyncio.sleep(0)  # each is in line before the next one asks
        heard = await asyncio.gather(*tasks)
    assert all(any(isinstance(event, Finished) for event in one.events) for one in heard)
    order = {prompt: index for index, prompt in enumerate(served)}
    assert max(order["b0"], order["b1"]) < min(order["a1"], order["a2"])


async def test_under_load_no_request_is_lost_and_none_is_told_twice(tmp_path: Path) -> None:
    rng, served = random.Random(5), list[str]()
    asked = [(rng.choice("ab"), f"prompt {i}") for i in range(40)]
    async with scripted_fleet(tmp_path, MODELS, settings=ONE_PLACE) as fleet:
        tasks = []
        for index, (model, prompt) in enumerate(asked):
            tasks.append(asyncio.create_task(ask(fleet, model, prompt, served)))
            if index % 8 == 7:  # waves: some come while a model is going or coming
                await asyncio.wait({tasks[index - 4]})
        heard = await asyncio.gather(*tasks)
        swaps = [notice for notice in fleet.notices(0) if notice.kind == "evicted"]
        restarts = [status_of(fleet, model).restarts for model in MODELS]
    assert sorted(served) == sorted(prompt for _, prompt in asked)
    for one in heard:
        assert sum(isinstance(event, Finished) for event in one.events) == 1
        assert one.resumes == 0
    assert len(swaps) >= 2
    assert restarts == [0, 0]


async def test_many_who_wait_for_one_model_make_one_load(tmp_path: Path) -> None:
    served: list[str] = []
    async with scripted_fleet(tmp_path, MODELS, settings=ONE_PLACE) as fleet:
        await asyncio.gather(*(ask(fleet, "a", f"p{i}", served) for i in range(16)))
        assert status_of(fleet, "a").restarts == 0
        log = (tmp_path / "logs").glob("*")
        started = sum(path.read_text().count(" started") for path in log if path.is_file())
    assert len(served) == 16
    assert started == 1


async def test_a_request_may_say_how_long_its_model_stays(tmp_path: Path) -> None:
    async with scripted_fleet(tmp_path, MODELS, settings=ONE_PLACE) as fleet:
        asked = msgspec.structs.replace(generation("p", model="a"), keep_alive_s=0.05)
        await listen(fleet, asked)
        await wait_for_state(fleet, "unloaded", "a")
        assert [notice.kind for notice in fleet.notices(0)] == ["idle"]
