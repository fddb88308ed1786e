"""A crowd passes in turn, and the loop looks around in between."""

import asyncio
from itertools import pairwise

import pytest

from velocity_local.lens.turnstile import Turnstile


async def test_few_pass_between_two_looks_of_the_loop() -> None:
    turnstile, passed = Turnstile(4), list[int]()
    looks = list[int]()

    async def one(number: int) -> None:
        await turnstile.turn()
        passed.append(number)

    async def look() -> None:
        while len(passed) < 50:
            looks.append(len(passed))
            await asyncio.sleep(0)

    await asyncio.gather(*(one(number) for number in range(50)), look())
    assert passed == list(range(50))
    steps = [after - before for before, after in pairwise(looks)]
    assert max(steps) <= 8


async def test_one_who_leaves_holds_up_nobody() -> None:
    turnstile = Turnstile(1)
    await turnstile.turn()
    leaving = asyncio.create_task(turnstile.turn())
    staying = asyncio.create_task(turnstile.turn())
    leaving.cancel()
    await asyncio.wait_for(staying, 5)
    with pytest.raises(asyncio.CancelledError):
        await leaving
    await asyncio.wait_for(turnstile.turn(), 5)
