"""A few kills with everything on: shared prompts, saved cells, adapters and guesses.

`kill_drive` makes many of them.
"""

import pytest

from tests.process.fleet.kill_drive import Mix, drive

pytestmark = pytest.mark.process
EVERYTHING = Mix(has_all=True)


async def test_scripted_streams_lose_nothing_by_kills() -> None:
    tally = await drive(4, EVERYTHING, streams=4, seed=2, demo=False)
    assert (tally.failed, tally.unequal) == (0, 0)
    assert tally.resumes >= tally.kills == 4
    assert tally.cached_tokens > 0
    assert tally.guessed_tokens > 0
    assert tally.files > 0


async def test_the_shipped_model_parts_from_itself_in_near_ties_only() -> None:
    tally = await drive(2, EVERYTHING, streams=2, seed=5, demo=True)
    assert tally.is_right, tally.report()
    assert tally.resumes >= tally.kills == 2
    assert tally.guessed_tokens > 0
