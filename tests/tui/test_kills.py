"""The daemon is killed again and again while it answers, and started from the keyboard."""

import os
import signal
from pathlib import Path

import pytest

from tests.process.cli.shell import shell_in
from tests.tui.living import over_home, until
from velocity_local.config.paths import locate
from velocity_local.core.conversations import Parameters
from velocity_tui.screens.chat import ChatScreen
from velocity_tui.state import Down, Up
from velocity_tui.widgets.draft import Draft
from velocity_tui.widgets.turns import Reply

pytestmark = pytest.mark.process
N_KILLS = 20
SLOW_S = 120.0
"""A start and a load, also where much else runs."""
RAMBLING = Parameters(temperature=100.0, top_p=1.0, seed=7)


async def test_twenty_deaths_during_answers_cost_no_draft_and_no_turn(tmp_path: Path) -> None:
    with shell_in(tmp_path / "home") as shell:
        environ = {
            **shell.environ,
            "VELOCITY_SERVER_PORT": "0",
            "VELOCITY_SAMPLING_TOP_K": "0",
            "VELOCITY_SAMPLING_MIN_P": "0",
            "VELOCITY_SAMPLING_IGNORE_EOS": "true",
        }
        app = over_home(locate(environ), environ)
        async with app.run_test() as pilot:
            await pilot.press("2")
            screen = app.screen
            assert isinstance(screen, ChatScreen)
            screen.parameters = RAMBLING
            screen.talk_to("demo")
            draft = screen.query_one(Draft)
            keeping = screen.session.keeping
            for number in range(N_KILLS):
                await pilot.press("f9")
                await until(pilot, lambda: isinstance(app.snapshot.link, Up), within_s=SLOW_S)
                draft.post_message(Draft.Submitted(f"Question {number}"))
                await until(pilot, lambda: bool(screen.query(Reply)))
                await until(
                    pilot,
                    lambda n=number: (  # type: ignore[misc] # this turn's
                        len(screen.conversation.turns) == 2 * n + 2
                        and screen.query(Reply).last().text != ""
                    ),
                    within_s=SLOW_S,
                )
                draft.write(f"Half a thought {number}")
                assert app.snapshot.status is not None
                os.kill(app.snapshot.status.pid, signal.SIGKILL)
                await until(pilot, lambda: isinstance(app.snapshot.link, Down), within_s=2)
                await until(pilot, lambda: not screen.is_answering)
                assert draft.text == f"Half a thought {number}"
            await pilot.press("f9")
            await until(pilot, lambda: isinstance(app.snapshot.link, Up), within_s=SLOW_S)
            await until(pilot, lambda: keeping.n_waiting == 0)
            kept = await screen.session.conversation(screen.conversation.id)
            shown = [turn.id for turn in screen.conversation.path()]
    path = kept.path()
    assert [turn.text for turn in path[::2]] == [f"Question {n}" for n in range(N_KILLS)]
    assert path[1].note.startswith("broke off")
    # Later ones may have filled the context, and ended, before they could be killed.
    assert all(turn.text and turn.note for turn in path[1::2])
    assert [turn.id for turn in path] == shown
