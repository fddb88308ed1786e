"""Chat over the real daemon and the demo model."""

import gc
import os
import signal
import threading
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
from velocity_local.core.conversations import Attachment, Conversation, Parameters, Turn
from velocity_tui.app import VelocityApp
from velocity_tui.screens.ask import AskText
from velocity_tui.screens.chat import UPDATES_PER_S, ChatScreen
from velocity_tui.screens.choose import Choose
from velocity_tui.screens.confirm import Confirm
from velocity_tui.state import Down
from velocity_tui.widgets.draft import Draft
from velocity_tui.widgets.shelf import Shelf
from velocity_tui.widgets.turns import Reply

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


@contextmanager
def falling_silent(daemon: RunningDaemon) -> Iterator[threading.Event]:
    """The model's process stands still from its first tokens on, when the event is set: an answer
    has begun then, and does not end before this does.
    """
    n_before, (pid,) = _n_tokens(daemon), daemon.worker_pids()
    is_over, is_silent = threading.Event(), threading.Event()

    def watch() -> None:
        while _n_tokens(daemon) == n_before and not is_over.wait(0.005):
            pass
        os.kill(pid, signal.SIGSTOP)
        is_silent.set()

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield is_silent
    finally:
        is_over.set()
        watching.join()
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def _n_tokens(daemon: RunningDaemon) -> int:
    status, body = daemon.get("/api/v1/status")
    assert status == 200, body
    return int(msgspec.json.decode(body)["completion_tokens"])


async def open_chat(pilot: Pilot[None], app: VelocityApp) -> ChatScreen:
    await pilot.press("2")
    screen = app.screen
    assert isinstance(screen, ChatScreen)
    await until(pilot, lambda: screen.sides.first.model == "demo")
    return screen


def answers(screen: ChatScreen) -> list[Turn]:
    return [turn for turn in screen.conversation.path() if turn.role == "assistant"]


def questions(screen: ChatScreen) -> list[str]:
    return [turn.text for turn in screen.conversation.path() if turn.role == "user"]


async def say(pilot: Pilot[None], screen: ChatScreen, words: str) -> None:
    n_turns = len(screen.conversation.turns)
    screen.query_one(Draft).write(words)
    await pilot.press("enter")
    await until(pilot, lambda: len(screen.conversation.turns) > n_turns)


async def answered(pilot: Pilot[None], screen: ChatScreen) -> None:
    """Until all is said, measured and kept."""
    keeping = screen.session.keeping
    await until(pilot, lambda: not screen.is_answering)
    await until(pilot, lambda: all(turn.note for turn in answers(screen)))
    await until(pilot, lambda: keeping.n_waiting == 0 and keeping.n_done > 0)


async def kept(screen: ChatScreen) -> Conversation:
    return await screen.session.conversation(screen.conversation.id)


async def test_an_answer_comes_with_the_engines_figures_and_is_kept(
    lasting: RunningDaemon,
) -> None:
    app = over(lasting)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_chat(pilot, app)
        await say(pilot, screen, "Hello!")
        await until_shown(pilot, "first token")
        (answer,) = answers(screen)
        assert answer.text
        assert "tok/s" in answer.note
        assert screen.query_one(Draft).text == ""
        shown = text(app)
        assert "Hello!" in shown
        assert answer.text.split()[0] in shown
        await answered(pilot, screen)
        found = await kept(screen)
        assert [turn.text for turn in found.path()] == ["Hello!", answer.text]
        assert found.path()[-1].note == answer.note
        assert found.title == "Hello!"


async def test_keys_that_would_do_nothing_are_not_offered(daemon: RunningDaemon) -> None:
    app = over(daemon)
    async with app.run_test(size=(160, 30)) as pilot:
        screen = await open_chat(pilot, app)
        await pilot.pause()
        assert "Again" not in text(app)
        assert "f9 Start" not in text(app)
        await say(pilot, screen, "Hello!")
        await until(pilot, lambda: not screen.is_answering)
        await until_shown(pilot, "Again")
        daemon.process.kill()
        await until_shown(pilot, "f9 Start")


async def test_other_words_and_other_answers_are_branches(lasting: RunningDaemon) -> None:
    app = over(lasting)
    async with app.run_test(size=(100, 40)) as pilot:
        screen = await open_chat(pilot, app)
        screen.parameters = Parameters(temperature=0.0)
        for words in ("Hello!", "Tell me a story."):
            await say(pilot, screen, words)
            await answered(pilot, screen)
        await pilot.press("f5")
        await until_shown(pilot, "2 of 2")
        await answered(pilot, screen)
        assert len(screen.query(Reply)) == 2
        await pilot.press("f4")
        assert screen.query_one(Draft).text == "Tell me a story."
        screen.query_one(Draft).write("Who are you?")
        await pilot.press("enter")
        await answered(pilot, screen)
        assert questions(screen) == ["Hello!", "Who are you?"]
        await pilot.press("alt+left")
        await until(pilot, lambda: questions(screen) == ["Hello!", "Tell me a story."])
        await until(pilot, lambda: screen.session.keeping.n_waiting == 0)
        found = await kept(screen)
        assert len(found.turns) == 7
        assert found.head == screen.conversation.head


async def test_a_conversation_is_found_again_by_another_terminal(lasting: RunningDaemon) -> None:
    app = over(lasting)
    async with app.run_test(size=(130, 30)) as pilot:
        screen = await open_chat(pilot, app)
        screen.parameters = Parameters(seed=3)
        await say(pilot, screen, "What is a wombat?")
        await answered(pilot, screen)
    other = over(lasting)
    async with other.run_test(size=(130, 30)) as pilot:
        screen = await open_chat(pilot, other)
        shelf = screen.query_one(Shelf)
        shelf.query_one(Input).value = "wombat"
        await until(pilot, lambda: [item.title for item in shelf.items] == ["What is a wombat?"])
        shelf.focus_list()
        await pilot.press("down", "enter")
        await until(pilot, lambda: questions(screen) == ["What is a wombat?"])
        assert screen.parameters == Parameters(seed=3)
        await until_shown(pilot, "tok/s")
        shelf.focus_list()
        await pilot.press("delete")
        await until(pilot, lambda: isinstance(other.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: shelf.items == ())
        assert screen.conversation.turns == ()


async def test_two_models_are_asked_the_same_side_by_side(lasting: RunningDaemon) -> None:
    app = over(lasting)
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_chat(pilot, app)
        await say(pilot, screen, "Hello!")
        await answered(pilot, screen)
        await pilot.press("ctrl+t")
        await until(pilot, lambda: isinstance(app.screen, Choose))
        await pilot.press("enter")
        await until(pilot, lambda: len(screen.sides.all) == 2)
        first, second = screen.sides.all
        assert second.conversation.path() == first.conversation.path()
        await say(pilot, screen, "And now?")
        await answered(pilot, screen)
        await until(pilot, lambda: second.conversation.path()[-1].note != "")
        assert [len(side.conversation.path()) for side in screen.sides.all] == [4, 4]
        assert first.conversation.id != second.conversation.id
        await until(pilot, lambda: screen.session.keeping.n_waiting == 0)
        assert len((await screen.session.conversation(second.conversation.id)).turns) == 4
        await pilot.press("ctrl+t")
        await until(pilot, lambda: len(screen.sides.all) == 1)


async def test_a_text_file_goes_with_the_question(lasting: RunningDaemon, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("The cat is black.")
    app = over(lasting)
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_chat(pilot, app)
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(app.screen, AskText))
        app.screen.query_one(Input).value = str(tmp_path / "none.txt")
        await until_shown(pilot, "there is no file")
        app.screen.query_one(Input).value = str(tmp_path / "notes.txt")
        await pilot.press("enter")
        await until_shown(pilot, "with notes.txt")
        await say(pilot, screen, "Which colour?")
        await until_shown(pilot, "notes.txt, 17 B")
        assert "with notes.txt" not in text(app)
        await answered(pilot, screen)
        question = (await kept(screen)).path()[0]
        assert question.attachments == (Attachment("notes.txt", "The cat is black."),)


async def test_stopping_keeps_what_has_come(rambler: RunningDaemon) -> None:
    app = over(rambler)
    async with app.run_test() as pilot:
        screen = await open_chat(pilot, app)
        screen.parameters = RAMBLING
        usual = gc.get_threshold()
        with falling_silent(rambler) as silent:
            await say(pilot, screen, "Go on and on.")
            reply = screen.query_one(Reply)
            await until(pilot, lambda: silent.is_set() and reply.text != "")
            assert gc.get_threshold()[2] > usual[2] * 1000, "keys would wait for full collections"
            await pilot.press("escape")
            await until(pilot, lambda: not screen.is_answering, within_s=10)
        await until(pilot, lambda: gc.get_threshold() == usual)
        (answer,) = answers(screen)
        assert (answer.text, answer.note) == (reply.text, "stopped")


async def test_a_wait_says_for_what_and_can_be_ended(rambler: RunningDaemon) -> None:
    app = over(rambler)
    async with app.run_test() as pilot:
        screen = await open_chat(pilot, app)
        with holding_its_breath(rambler):
            await say(pilot, screen, "Hello?")
            await until_shown(pilot, "reading the prompt · Esc stops")
            await pilot.press("escape")
            await until(pilot, lambda: not screen.is_answering, within_s=10)
        assert answers(screen)[0].note == "stopped"


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
        assert screen.conversation.turns == ()


async def test_an_answer_that_breaks_off_says_so_and_keeps_its_text(
    doomed: RunningDaemon,
) -> None:
    app = over(doomed)
    async with app.run_test() as pilot:
        screen = await open_chat(pilot, app)
        screen.parameters = RAMBLING
        with falling_silent(doomed) as silent:
            await say(pilot, screen, "Go on and on.")
            reply = screen.query_one(Reply)
            await until(pilot, lambda: silent.is_set() and reply.text != "")
            doomed.process.kill()
            await until(pilot, lambda: not screen.is_answering)
        (answer,) = answers(screen)
        assert answer.text == reply.text
        assert "broke off" in answer.note


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
        await answered(pilot, screen)
        assert "cut off at the token limit" in answers(screen)[-1].note


async def test_a_conversation_is_saved_and_never_over_another_file(
    lasting: RunningDaemon, tmp_path: Path
) -> None:
    app = over(lasting)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_chat(pilot, app)
        await say(pilot, screen, "Hello!")
        await answered(pilot, screen)
        target = tmp_path / "kept.json"
        for _ in range(2):
            await pilot.press("f8")
            await until(pilot, lambda: isinstance(app.screen, AskText))
            app.screen.query_one(Input).value = str(target)
            await pilot.press("enter")
            await until(pilot, lambda: app.screen is screen)
        saved = msgspec.json.decode(target.read_bytes())
        assert saved["conversation"]["turns"][0]["text"] == "Hello!"
        await until_shown(pilot, "exists already")
