"""A worker is killed under streams of several adapters: each goes on with its own."""

import asyncio
import signal
from pathlib import Path

import msgspec
import pytest

from tests.process.fleet.yard import (
    Heard,
    generation,
    kill,
    listen,
    scripted_fleet,
    status_of,
    until,
)
from tests.support.shelved import described
from velocity_local.core.adapters import Adapter
from velocity_local.core.requests import GenerationRequest
from velocity_local.worker.backends.fake.script import Babble, Script

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
