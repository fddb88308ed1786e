"""How soon the History screen answers a key, with many requests behind it.

python -m benchmarks.tui_history [--rows 100000]      prints one JSON document

A real daemon keeps the rows and finds them; the UI draws for a terminal of 120 x 40 that takes all
at once. A key has been answered when what it asked for is drawn. A search is asked once the fingers
rest: what a letter takes to stand in its field and what the search takes after it are told apart.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from benchmarks.processes import new_home, velocity_at, velocity_environment
from benchmarks.spread import spread
from velocity_local.client.daemon import LocalDaemon
from velocity_local.config.paths import locate
from velocity_local.core.history import RequestRow
from velocity_local.daemon.store import requests
from velocity_local.daemon.store.database import open_writer
from velocity_tui.app import VelocityApp
from velocity_tui.door import OwnDaemon
from velocity_tui.screens.history import HistoryScreen
from velocity_tui.session import Session
from velocity_tui.widgets.rows import Rows

SIZE = (120, 40)
TIMES = 9
SETTLE_S = 0.3
MODELS = ("demo", "qwen3-8b", "gemma-3-4b")
STATUSES = {"ok": 95.0, "error": 3.0, "cancelled": 1.9, "interrupted": 0.1}


def rows(count: int) -> Iterator[RequestRow]:
    """Requests of a year and a half, most of them well."""
    chance = random.Random(7)
    for number in range(count):
        status = chance.choices(list(STATUSES), list(STATUSES.values()))[0]
        is_well = status == "ok"
        yield RequestRow(
            id=f"chatcmpl-{number:026d}",
            created_s=1.7e9 + 480.0 * number,
            dialect="openai",
            endpoint="/v1/chat/completions",
            model=chance.choice(MODELS),
            fingerprint="0123456789abcdef",
            status=status,
            http_status=200 if is_well else 400,
            stream=True,
            parameters='{"temperature":0.7}',
            client="127.0.0.1 a-client/1.0",
            prompt_tokens=chance.randint(1, 3000),
            cached_tokens=0,
            completion_tokens=chance.randint(1, 900),
            queue_ms=chance.uniform(0, 50),
            prefill_ms=chance.uniform(5, 2000) if is_well else None,
            ttft_ms=chance.uniform(10, 4000) if is_well else None,
            decode_ms=chance.uniform(50, 20_000) if is_well else None,
            total_ms=chance.uniform(50, 30_000),
            tokens_per_s=chance.uniform(5, 90) if is_well else None,
            finish_reason="stop" if is_well else None,
            error_code=None if is_well else "context_length_exceeded",
        )


def fill(home: Path, count: int) -> None:
    """A history as the daemon of that home would have kept it."""
    paths = locate(velocity_environment(home))
    paths.database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    connection = open_writer(paths.database, is_suspect=False)
    connection.execute("BEGIN")
    for row in rows(count):
        requests.save(connection, row)
    connection.execute("COMMIT")
    connection.close()


class Keys:
    """Presses keys on the screen and waits for what they bring."""

    def __init__(self, pilot: Pilot[None], screen: HistoryScreen) -> None:
        self._pilot = pilot
        self._screen = screen

    async def answered_ms(self, key: str, shown: Callable[[], object], count: int) -> list[float]:
        """How long each press took until `shown` told something else and that was drawn."""
        return [await self._press(key, shown) for _ in range(count)]

    async def _press(self, key: str, shown: Callable[[], object]) -> float:
        await asyncio.sleep(SETTLE_S)
        before, drawn, begun_s = shown(), asyncio.Event(), time.monotonic()
        character = {"slash": "/"}.get(key, key if len(key) == 1 else None)
        self._pilot.app.post_message(events.Key(key, character))
        while shown() == before:  # noqa: ASYNC110 - the screen has no event for it
            await asyncio.sleep(0.0005)
        self._screen.call_after_refresh(drawn.set)
        await drawn.wait()
        return (time.monotonic() - begun_s) * 1000


async def measure(home: Path) -> dict[str, object]:
    paths = locate(velocity_environment(home))
    app = VelocityApp(Session(OwnDaemon(LocalDaemon(paths), velocity_environment(home))))
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("5")
        screen = app.screen
        assert isinstance(screen, HistoryScreen)
        while not screen.rows:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)
        keys = Keys(pilot, screen)
        search = screen.query_one("#search", Input)

        def listed() -> object:
            return screen.wanted, tuple(screen.rows)

        def pointed_at() -> object:
            return screen.query_one(Rows).key_at_cursor

        taken = {
            "cursor_down": await keys.answered_ms("down", pointed_at, TIMES),
            "next_page": await keys.answered_ms("n", listed, TIMES),
            "page_back": await keys.answered_ms("b", listed, TIMES),
            "sort": await keys.answered_ms("o", lambda: tuple(screen.rows), 4 * 3),
            "outcome": await keys.answered_ms("s", lambda: tuple(screen.rows), 6 * 2),
        }
        await keys.answered_ms("slash", lambda: search.display, 1)
        taken["letter"] = await keys.answered_ms("z", lambda: search.value, 3)
        taken["search_without_a_hit"] = await _search(screen, search)
    return {name: spread(each) for name, each in taken.items()}


async def _search(screen: HistoryScreen, search: Input) -> list[float]:
    taken_ms = []
    for number in range(3):
        search.value = "gemma"
        while not screen.rows:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)
        begun_s = time.monotonic()
        search.value = f"nowhere {number}"
        while screen.rows:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.001)
        taken_ms.append((time.monotonic() - begun_s) * 1000)
    return taken_ms


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    given = parser.parse_args()
    with new_home() as home:
        fill(home, given.rows)
        with velocity_at(home, has_model=False):
            print(json.dumps({"rows": given.rows, **asyncio.run(measure(home))}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
