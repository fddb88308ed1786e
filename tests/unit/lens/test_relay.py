"""Two sides that take turns: their order, waiting, and leaving."""

import asyncio

from velocity_local.lens.relay import Baton, Relay


async def ask(baton: Baton, name: str, n: int, told: list[str]) -> None:
    await baton.prepared()
    for _ in range(n):
        async with baton.held():
            told.append(name)
            await asyncio.sleep(0)
            told.append(name.lower())
    await baton.leave()


def asked(n_first: int, n_second: int) -> str:
    async def both() -> str:
        told: list[str] = []
        first, second = Relay().batons()
        async with asyncio.TaskGroup() as group:
            group.create_task(ask(first, "A", n_first, told))
            group.create_task(ask(second, "B", n_second, told))
        return "".join(told)

    return asyncio.run(both())


def test_sides_take_turns_and_none_is_always_first() -> None:
    assert asked(4, 4) == "AaBbBbAaAaBbBbAa"


def test_who_asks_more_goes_on_alone() -> None:
    assert asked(1, 3) == "AaBbBbBb"
    assert asked(3, 0) == "AaAaAa"


def test_nobody_begins_before_both_are_prepared() -> None:
    async def late() -> list[str]:
        told: list[str] = []
        first, second = Relay().batons()
        early = asyncio.create_task(ask(first, "A", 1, told))
        for _ in range(5):
            await asyncio.sleep(0)
        told.append("|")
        await ask(second, "B", 1, told)
        await early
        return told

    assert "".join(asyncio.run(late())) == "|AaBb"


def test_one_who_breaks_off_passes_the_baton_on() -> None:
    async def broken() -> list[str]:
        told: list[str] = []
        first, second = Relay().batons()

        async def fail() -> None:
            await first.prepared()
            try:
                async with first.held():
                    raise ValueError
            finally:
                await first.leave()

        other = asyncio.create_task(ask(second, "B", 2, told))
        try:
            await fail()
        except ValueError:
            told.append("!")
        await other
        return told

    assert "".join(asyncio.run(broken())) == "!BbBb"
