"""Draws docs/screens/*.svg: every screen of the terminal UI over a real daemon with the demo model.

    python packaging/screenshots.py

What names this machine is replaced before it is drawn, and the pictures are looked through after.
"""

import asyncio
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec

from velocity_local.client.chat import ChatRequest, Turn, stream_chat
from velocity_local.client.daemon import LocalDaemon
from velocity_local.config.paths import locate
from velocity_local.wire.http.admin import ConfigList, LogLines, ModelItem
from velocity_tui.app import VelocityApp
from velocity_tui.bench import Plan
from velocity_tui.door import OwnDaemon
from velocity_tui.places import PLACES
from velocity_tui.screens.bench import BenchScreen
from velocity_tui.screens.chat import ChatScreen
from velocity_tui.session import Session
from velocity_tui.state import Snapshot
from velocity_tui.widgets.draft import Draft

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "screens"
SIZE = (120, 36)
N_BUSY = 6
BUSY_S = 20
N_RUNS = 4
N_MEASURED = 40
PATIENCE_S = 90.0
QUESTIONS = ("Hello!", "What is velocity-local?", "Tell me a story.")
FONT_FACE = re.compile(r"@font-face\s*\{[^}]*\}\s*|<!--.*?-->\s*", re.DOTALL)
ADDRESS = re.compile(r"https?://(?!www\.w3\.org/|127\.0\.0\.1)[^\s\"'<)]+")
T = TypeVar("T")


class Portrait(Session):
    """A session whose values name neither folders nor parts of this machine."""

    def __init__(self, door: OwnDaemon, hidden: Mapping[str, str]) -> None:
        super().__init__(door)
        self._hidden = hidden

    async def watch(self, tell: Callable[[Snapshot], object]) -> None:
        await super().watch(lambda snapshot: tell(self._neutral(snapshot)))

    async def models(self) -> list[ModelItem]:
        return [self._clean(model) for model in await super().models()]

    async def log_lines(self, n_lines: int, model_id: str | None) -> LogLines:
        return self._clean(await super().log_lines(n_lines, model_id))

    async def configuration(self) -> ConfigList:
        return self._clean(await super().configuration())

    def _neutral(self, snapshot: Snapshot) -> Snapshot:
        now = snapshot.telemetry
        if now is None:
            return snapshot
        cpu = msgspec.structs.replace(now.cpu, name="The processor")
        return replace(snapshot, telemetry=msgspec.structs.replace(now, cpu=cpu))

    def _clean(self, value: T) -> T:
        text = msgspec.json.encode(value).decode()
        for here, shown in self._hidden.items():
            text = text.replace(here, shown)
        return msgspec.json.decode(text, type=type(value))


async def portray(app: VelocityApp, daemon: LocalDaemon) -> dict[str, str]:
    """The pictures by name."""
    pictures = {}
    async with app.run_test(size=SIZE) as pilot:
        await _until(lambda: app.snapshot.telemetry is not None)
        enough = threading.Event()
        busy = [
            asyncio.create_task(asyncio.to_thread(_ramble, daemon, seed, enough))
            for seed in range(N_BUSY)
        ]
        await asyncio.sleep(BUSY_S)
        await _until(lambda: app.snapshot.running > 1)
        await pilot.pause()
        pictures["home"] = app.export_screenshot()
        enough.set()
        await asyncio.gather(*busy)
        await pilot.press("alt+2")
        await _converse(app)
        pictures["chat"] = app.export_screenshot()
        for place in PLACES[2:]:
            await pilot.press(f"alt+{place.key}")
            await pilot.pause(1.5)
            if place.mode == "bench":
                await _measure(app)
            pictures[place.mode] = app.export_screenshot()
        for theme in ("velocity-light", "velocity-contrast"):
            app.theme = theme
            await pilot.press("alt+1")
            await pilot.pause(0.5)
            pictures[f"home-{theme.removeprefix('velocity-')}"] = app.export_screenshot()
    return pictures


async def _measure(app: VelocityApp) -> None:
    """Several runs in turn: the newest one is in its midst when the picture is taken."""
    screen = app.screen
    assert isinstance(screen, BenchScreen)
    plan = Plan("demo", requests=N_MEASURED, prompt_tokens=64, output_tokens=96)
    for _ in range(N_RUNS):
        screen.begin(plan)
        await _until(lambda: not screen.is_measuring)
    screen.begin(replace(plan, requests=100 * N_MEASURED))
    await asyncio.sleep(BUSY_S)
    await _until(lambda: len(screen.course.samples) > N_MEASURED)


async def _converse(app: VelocityApp) -> None:
    screen = app.screen
    assert isinstance(screen, ChatScreen)
    await _until(lambda: screen.sides.first.model is not None)
    for n_asked, question in enumerate(QUESTIONS, 1):
        await _until(lambda: not screen.is_answering)
        screen.query_one(Draft).post_message(Draft.Submitted(question))
        await _until(
            lambda n=n_asked: (
                len(screen.conversation.turns) == 2 * n  # type: ignore[misc] # n is now's
                and bool(screen.conversation.turns[-1].note)
                and not screen.is_answering
            )
        )
    await asyncio.sleep(0.5)


def _ramble(daemon: LocalDaemon, seed: int, enough: threading.Event) -> None:
    record = daemon.record()
    assert record is not None
    asked = ChatRequest(
        "demo", (Turn("user", f"Story {seed}, please."),), temperature=2.0, seed=seed
    )
    while not enough.is_set():
        with stream_chat(daemon.client(record), asked) as items:
            list(items)


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not is_so():  # noqa: ASYNC110 - the app has no event for every state
            await asyncio.sleep(0.05)


def neutral(svg: str) -> str:
    """The picture without addresses to load fonts from."""
    return FONT_FACE.sub("", svg)


def telltales(svg: str) -> list[str]:
    """What a picture says of the machine it was made on."""
    places = [str(ROOT), str(Path.home()), tempfile.gettempdir()]
    found = [place for place in places if place.strip("/") and place in svg]
    # A short name may lie within a random id by chance, so only the whole word counts.
    found += re.findall(rf"(?<![\w-]){re.escape(socket.gethostname())}(?![\w-])", svg)
    return found + ADDRESS.findall(svg)


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        environ = {**os.environ, "VELOCITY_HOME": str(home), "VELOCITY_SERVER_PORT": "0"}
        local = LocalDaemon(locate(environ))
        door = OwnDaemon(local, environ)
        door.start()
        try:
            hidden = {str(ROOT): "~/velocity-local", str(home): "~/.velocity-local"}
            pictures = asyncio.run(portray(VelocityApp(Portrait(door, hidden)), local))
        finally:
            stop = [sys.executable, "-m", "velocity_local.cli.main", "stop"]
            subprocess.run(stop, env=environ, check=True)
    found = {name: telltales(neutral(svg)) for name, svg in pictures.items()}
    if any(found.values()):
        sys.stderr.write(f"not written, they tell of this machine: {found}\n")
        return 1
    FOLDER.mkdir(exist_ok=True)
    for name, svg in pictures.items():
        (FOLDER / f"{name}.svg").write_text(neutral(svg), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
