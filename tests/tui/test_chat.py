"""Chat over the real daemon and the demo model."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import msgspec
import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from tests.support.daemon import RunningDaemon, running_daemon
from tests.tui.living import over, until, until_shown
from tests.tui.terminal import text
from velocity_tui.app import VelocityApp
from velocity_tui.conversation import Parameters
from velocity_tui.screens.chat import UPDATES_PER_S, ChatScreen
from velocity_tui.state import Down
from velocity_tui.widgets.draft import Draft
from velocity_tui.widgets.turns import Question, Reply

pytestmark = pytest.mark.process
RAMBLING = Parameters(temperature=100.0, top_p=1.0, seed=7)


def rambling(home: Path) -> AbstractContextManager[RunningDaemon]:
    """A daemon that keeps every token of the vocabulary in play, up to the end of the context."""
    flags = [f"--set=sampling.{each}" for each in ("top_k=0", "min_p=0", "ignore_eos=true")]
    return running_daemon(home, *flags)


@pytest.fixture(scope="module")
def rambler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDaemon]:
    with rambling(tmp_path_factory.mktemp("rambler") / "home") as running:
        running.wait_ready()
        yield running


@pytest.fixture
def doomed(tmp_path: Path) -> Iterator[RunningDaemon]:
    with rambling(tmp_path / "home") as running:
        running.wait_ready()
        yield running


@contextmanager
def holding_its_breath(daemon: RunningDaemon) -> Iterator[None]:
    """The model's process stands still meanwhile."""
    (pid,) = daemon.worker_pids()
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


async def open_chat(pilot: Pilot[None], app: VelocityApp) -> ChatScreen:
    await pilot.press("2")
    screen = app.screen
    assert isinstance(screen, ChatScreen)
    await until(pilot, lambda: screen.model == "demo")
    return screen


def note_of(screen: ChatScreen) -> str:
    """What stands below the last answer."""
    answer = screen.conversation.exchanges[-1].answer
    return "" if answer is None else answer.note


async def say(pilot: Pilot[None], screen: ChatScreen, words: str) -> None:
    screen.query_one(Draft).write(words)
    await pilot.press("enter")
    await until(pilot, lambda: screen.is_answering or bool(screen.conversation.exchanges))


async def test_an_answer_comes_with_the_engines_figures(lasting: RunningDaemon) -> None:
    app = over(lasting)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_chat(pilot, app)
        await say(pilot, screen, "Hello!")
        await until_shown(pilot, "first token")
        (exchange,) = screen.conversation.exchanges
        assert exchange.answer is not None
        assert exchange.answer.text
        assert "tok/s" in exchange.answer.note
        assert screen.query_one(Draft).text == ""
        shown = text(app)
        assert "Hello!" in shown
        assert exchange.answer.text.split()[0] in shown


async def test_keys_that_would_do_nothing_are_not_offered(daemon: RunningDaemon) -> None:
    app = over(daemon)
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await open_chat(pilot, app)
        await pilot.pause()
        assert "Again" not in text(app)
        assert "f9 Start" not in text(app)
        await say(pilot, screen, "Hello!")
        await until(pilot, lambda: not screen.is_answering)
        await until_shown(pilot, "Again")
        daemon.process.kill()
        await until_shown(pilot, "f9 Start")


async def test_the_conversation_goes_on_and_can_be_asked_again(lasting: RunningDaemon) -> None:
    app = over(lasting)
    async with app.run_test(size=(100, 40)) as pilot:
        screen = await open_chat(pilot, app)
        screen.parameters = Parameters(temperature=0.0)
        for words in ("Hello!", "Tell me a story."):
            await say(pilot, screen, words)
            await until(pilot, lambda: not screen.is_answering)
        assert len(screen.conversation.exchanges) == 2
        await pilot.press("f5")
        await until(pilot, lambda: not screen.is_answering)
        assert len(screen.conversation.exchanges) == 2
        assert len(screen.query(Reply)) == 2
        await pilot.press("f4")
        assert screen.query_one(Draft).text == "Tell me a story."
        screen.query_one(Draft).write("Who are you?")
        await pilot.press("enter")
        await until(pilot, lambda: not screen.is_answering)
        questions = [exchange.question for exchange in screen.conversation.exchanges]
        assert questions == ["Hello!", "Who are you?"]
        assert len(screen.query(Question)) == 2


async def test_stopping_keeps_what_has_come(rambler: RunningDaemon) -> None:
    app = over(rambler)
    async with app.run_test() as pilot:
        screen = await open_chat(pilot, app)
        screen.parameters = RAMBLING
        await say(pilot, screen, "Go on and on.")
        reply = screen.query_one(Reply)
        await until(pilot, lambda: reply.text != "")
        with holding_its_breath(rambler):
            await pilot.press("escape")
            await until(pilot, lambda: not screen.is_answering, within_s=2)
        (exchange,) = screen.conversation.exchanges
        assert exchange.answer is not None
        assert exchange.answer.text == reply.text
        assert exchange.answer.note == "stopped"


async def test_a_fast_answer_is_drawn_at_most_so_often_and_arrives_whole(
    rambler: RunningDaemon,
) -> None:
    app = over(rambler)
    async with app.run_test() as pilot:
        screen = await open_chat(pilot, app)
        screen.parameters = RAMBLING
        began_s = time.monotonic()
        await say(pilot, screen, "Go on and on.")
        reply = screen.query_one(Reply)
        await until(pilot, lambda: not screen.is_answering)
        spent_s = time.monotonic() - began_s
        assert reply.n_updates <= spent_s * UPDATES_PER_S + 1
        assert len(reply.text) > 1000
        assert not any(character in text(app) for character in "\x1b\x07\x9b\u202e")


async def test_a_draft_outlives_the_daemon(daemon: RunningDaemon) -> None:
    app = over(daemon)
    async with app.run_test() as pilot:
        screen = await open_chat(pilot, app)
        screen.query_one(Draft).write("Half a thou")
        daemon.process.kill()
        await until(pilot, lambda: isinstance(app.snapshot.link, Down))
        await pilot.press("g", "h", "t", "enter")
        assert screen.query_one(Draft).text == "Half a thought"
        assert screen.conversation.exchanges == ()


async def test_an_answer_that_breaks_off_says_so_and_keeps_its_text(
    doomed: RunningDaemon,
) -> None:
    app = over(doomed)
    async with app.run_test() as pilot:
        screen = await open_chat(pilot, app)
        screen.parameters = RAMBLING
        await say(pilot, screen, "Go on and on.")
        reply = screen.query_one(Reply)
        await until(pilot, lambda: reply.text != "")
        with holding_its_breath(doomed):
            doomed.process.kill()
            await until(pilot, lambda: not screen.is_answering)
        (exchange,) = screen.conversation.exchanges
        assert exchange.answer is not None
        assert exchange.answer.text == reply.text
        assert "broke off" in exchange.answer.note


async def test_parameters_are_checked_while_typed_and_then_used(lasting: RunningDaemon) -> None:
    app = over(lasting)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_chat(pilot, app)
        await pilot.press("f3")
        await until_shown(pilot, "max_tokens")
        tokens = app.screen.query_one("#max_tokens", Input)
        tokens.value = "some"
        await until_shown(pilot, "max_tokens must be a whole number")
        tokens.value = "3"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: screen.parameters == Parameters(max_tokens=3))
        await say(pilot, screen, "Tell me a story.")
        await until(pilot, lambda: note_of(screen) != "")
        assert "cut off at the token limit" in note_of(screen)


async def test_a_conversation_is_saved_and_never_over_another_file(
    lasting: RunningDaemon, tmp_path: Path
) -> None:
    app = over(lasting)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_chat(pilot, app)
        await say(pilot, screen, "Hello!")
        await until(pilot, lambda: not screen.is_answering)
        target = tmp_path / "kept.json"
        for _ in range(2):
            await pilot.press("f8")
            await until(pilot, lambda: bool(app.screen.query(Input)))
            app.screen.query_one(Input).value = str(target)
            await pilot.press("enter")
            await until(pilot, lambda: app.screen is screen)
        saved = msgspec.json.decode(target.read_bytes())
        assert saved["exchanges"][0]["question"] == "Hello!"
        await until_shown(pilot, "exists already")
