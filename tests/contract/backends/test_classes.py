"""Sequences that step back for more urgent ones say the same in the end, whatever the model."""

import msgspec
import pytest

from tests.contract.backends.conftest import ALL, OPTIONS, Open
from tests.contract.backends.reading import GREEDY, assert_same, prompt
from tests.contract.backends.running import Run, answer, ask
from velocity_local.core.queueing import QueueTerms

TWO_SLOTS = msgspec.structs.replace(OPTIONS, n_seq_max=2)


@pytest.mark.parametrize("state_bytes", [0, 1 << 24], ids=["computed again", "kept"])
@pytest.mark.parametrize("name", ALL)
def test_who_made_room_goes_on_as_if_nothing_had_happened(
    name: str, state_bytes: int, open_backend: Open
) -> None:
    backend = open_backend(name, TWO_SLOTS)
    slow = [
        ask(i, prompt(backend, 50, start=7 * i), GREEDY, max_tokens=24)._replace(
            queue=QueueTerms("batch")
        )
        for i in range(2)
    ]
    quick = ask(9, prompt(backend, 30, start=90), GREEDY, max_tokens=4)._replace(
        queue=QueueTerms("interactive")
    )
    expected = [answer(backend, spec) for spec in (*slow, quick)]
    run = Run(backend, state_bytes=state_bytes)
    run.submit(*slow)
    while not all(len(run.tokens(spec.key)) >= 5 for spec in slow):
        run.step()
    run.submit(quick)
    run.step()
    assert run.begins[quick.key].prompt_tokens == 30
    assert [spec.key in run.ends for spec in slow] == [False, False]
    while run.engine.has_work:
        run.step()
    for spec, alone in zip((*slow, quick), expected, strict=True):
        assert_same(backend, spec.prompt, run.tokens(spec.key), alone)
