"""Runs a blocking call without blocking the event loop, nor the end of the program."""

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def on_thread(function: Callable[[], T]) -> T:
    """What `function` returns or raises, called on a thread of its own.

    The threads of asyncio's own pool are waited for when a program ends: one that loads a model
    for minutes would keep a person from leaving.
    """
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def settle(act: Callable[[], None]) -> None:
        if not answer.done():
            act()

    def tell(act: Callable[[], None]) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, act)

    def run() -> None:
        try:
            result = function()
        except BaseException as error:  # noqa: BLE001 - handed to the caller, whatever it is
            caught = error
            tell(lambda: answer.set_exception(caught))
        else:
            tell(lambda: answer.set_result(result))

    threading.Thread(target=run, name="ask", daemon=True).start()
    return await answer
