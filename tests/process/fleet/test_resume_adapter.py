"""A worker is killed under streams of several adapters: each goes on with its own."""

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from tests.process.fleet.near_ties import GREEDY, prompt_tokens
from tests.process.fleet.yard import (
    DEMO_FILE,
    Heard,
    demo_fleet,
    generation,
    kill,
    listen,
    scripted_fleet,
    status_of,
    until,
)
from tests.support import tiny_adapters
from tests.support.shelved import described
from velocity_local.core.adapters import Adapter
from velocity_local.core.requests import GenerationRequest, TokenPrompt
from velocity_local.daemon.fleet.client import Fleet
from velocity_local.worker.backends.fake.script import Babble, Script
from velocity_local.worker.engine.radix import common_length

pytestmark = pytest.mark.process
SLOWLY = Script(reply=Babble(mean_tokens=10**9), step_delay_s=0.004)
N_TOKENS = 120


def asked(name: str, chosen: Adapter | None) -> GenerationRequest:
    request = generation(f"tell of the {name} sea", max_tokens=N_TOKENS)
    return msgspec.structs.replace(request, adapter=chosen)


async def test_resumed_streams_keep_their_adapters(tmp_path: Path) -> None:
    file = tmp_path / "adapter.gguf"
    file.touch()
    first, second = (described(file, name=name) for name in ("a", "b"))
    wanted = [asked("red", first), asked("red", second), asked("red", None), asked("blue", first)]
    async with scripted_fleet(tmp_path, {"m": SLOWLY}) as fleet:
        calm = await asyncio.gather(*(listen(fleet, request) for request in wanted))
        heard = [Heard() for _ in wanted]
        async with asyncio.TaskGroup() as group:
            for request, one in zip(wanted, heard, strict=True):
                group.create_task(listen(fleet, request, one))
            for target in (20, 60):
                await until(lambda: all(one.count >= target for one in heard))  # noqa: B023 - at once
                await kill(fleet, "m", signal.SIGKILL)
                await until(lambda: status_of(fleet).state != "ready")
    assert [one.resumes for one in heard] == [2] * len(wanted)
    assert [one.text for one in heard] == [one.text for one in calm]
    assert len({one.text for one in heard}) == len(wanted)
    assert all(len(one.tokens) == N_TOKENS for one in heard)


async def said_after(
    fleet: Fleet, tokens: Sequence[int], count: int, chosen: Adapter | None
) -> list[int]:
    """What the shipped model says next, asked anew."""
    request = GenerationRequest(
        id="next",
        model="demo",
        prompt=TokenPrompt(tuple(tokens)),
        sampling=GREEDY,
        max_tokens=count,
        adapter=chosen,
    )
    return (await listen(fleet, request)).tokens


async def test_the_shipped_model_goes_on_with_its_adapter(tmp_path: Path) -> None:
    """Rounding may part two texts after a while; another adapter parts them at once."""
    path = tiny_adapters.write_adapter_of(DEMO_FILE, tmp_path / "adapter.gguf")
    chosen = described(path, name="a", model="demo")
    async with demo_fleet(tmp_path) as fleet:
        prompt = await prompt_tokens(fleet, "Tell me a story about a fox.")
        request = GenerationRequest(
            id="story",
            model="demo",
            prompt=TokenPrompt(prompt),
            sampling=GREEDY,
            max_tokens=N_TOKENS,
            adapter=chosen,
        )
        heard = Heard()
        stream = asyncio.create_task(listen(fleet, request, heard))
        await heard.reaches(10)
        await kill(fleet, "demo", signal.SIGKILL)
        await until(lambda: status_of(fleet, "demo").state != "ready")
        cut = heard.count
        await stream
        so_far, rest = [*prompt, *heard.tokens[:cut]], heard.tokens[cut:]
        with_it = await said_after(fleet, so_far, len(rest), chosen)
        without = await said_after(fleet, so_far, len(rest), None)
    assert heard.resumes == 1
    assert len(heard.tokens) == N_TOKENS
    assert rest[:5] == with_it[:5]
    assert common_length(rest, with_it) > common_length(rest, without)
