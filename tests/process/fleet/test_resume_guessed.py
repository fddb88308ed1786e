"""A worker is killed while it guesses: streams go on, token for token, as without either."""

import asyncio
import signal
from pathlib import Path

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
from velocity_local.worker.backends.fake.script import Babble, Script

pytestmark = pytest.mark.process
REPEATING = Script(reply=Babble(mean_tokens=10**9, repeats=7), step_delay_s=0.01)
REQUESTS = [generation(f"tell of the {name} sea", max_tokens=200) for name in ("red", "dead")]


@pytest.mark.parametrize("has_draft", [False, True], ids=["lookup", "draft"])
async def test_streams_that_were_guessed_go_on_as_they_were(
    has_draft: bool, tmp_path: Path
) -> None:
    async with scripted_fleet(tmp_path, {"m": REPEATING}, speculation="off") as fleet:
        calm = await asyncio.gather(*(listen(fleet, request) for request in REQUESTS))
    heard = [Heard() for _ in REQUESTS]
    async with (
        scripted_fleet(tmp_path, {"m": REPEATING}, speculation="on", has_draft=has_draft) as fleet,
        asyncio.TaskGroup() as group,
    ):
        for request, one in zip(REQUESTS, heard, strict=True):
            group.create_task(listen(fleet, request, one))
        for target in (40, 110):
            await until(lambda: all(one.count >= target for one in heard))  # noqa: B023 - at once
            await kill(fleet, "m", signal.SIGKILL)
            await until(lambda: status_of(fleet).state != "ready")
    assert [one.resumes for one in heard] == [2] * len(REQUESTS)
    assert [one.text for one in heard] == [one.text for one in calm]
    assert [one.finished.usage for one in heard] == [one.finished.usage for one in calm]
    assert all(one.finished.timings.accepted_tokens > 0 for one in heard)
