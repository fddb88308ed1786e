"""Adapters take turns: nobody's decoding waits for more than one long pass, nobody starves."""

from tests.unit.worker.engine.driving import ENDLESS, Driver, spec
from velocity_local.core.adapters import Adapter
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.engine.live import LiveSequence
from velocity_local.worker.engine.sequence import SequenceKey, SequenceSpec
from velocity_local.worker.engine.turns import Turns

CHUNK = 64


def live(adapter: str, n_pending: int, *, handle: int = 1) -> LiveSequence:
    asked = SequenceSpec(
        SequenceKey(handle, 0), (5,) * n_pending, SamplingParams(), 10, adapter=adapter
    )
    return LiveSequence(asked, n_ctx=4096, reserve=0, now_s=0.0)


def played(ready: list[LiveSequence], n_turns: int) -> list[str]:
    """Whose turns they were; prefills in capitals. Decoding goes on, prompts do not end."""
    turns, story = Turns(), []
    for _ in range(n_turns):
        chosen = turns.next_of(ready)
        assert len({sequence.spec.adapter for sequence in chosen}) == 1
        counts = [min(sequence.n_pending, CHUNK) for sequence in chosen]
        turns.had(list(zip(chosen, counts, strict=True)))
        name = chosen[0].spec.adapter
        story.append(name.upper() if max(counts) > 1 else name)
    return story


def test_one_adapter_alone_has_every_turn_whole() -> None:
    ready = [live("a", 1), live("a", 300), live("a", 1)]
    assert Turns().next_of(ready) == ready


def test_those_that_decode_alternate() -> None:
    assert played([live("a", 1), live("b", 1), live("", 1)], 6) == ["", "a", "b"] * 2


def test_those_that_prefill_alternate() -> None:
    assert played([live("a", 900), live("b", 900)], 4) == ["A", "B", "A", "B"]


def test_after_each_prefill_all_that_decode_have_a_turn() -> None:
    ready = [live("a", 1), live("b", 1), live("c", 900), live("d", 900)]
    assert played(ready, 8) == ["C", "a", "b", "D", "a", "b", "C", "a"]


def test_an_adapter_that_does_both_prefills_no_more_often_than_others() -> None:
    ready = [live("a", 1), live("a", 900), live("b", 1), live("b", 900)]
    assert played(ready, 8) == ["A", "b", "B", "a", "A", "b", "B", "a"]


def test_streams_of_an_adapter_go_on_beside_a_long_prompt_of_another() -> None:
    driver = Driver(ENDLESS, n_ctx=2048, n_batch=64)
    driver.backend.load_adapter(Adapter("m", "x", __file__, "print", 0, 4, 2))
    stream = spec(1, max_tokens=30)._replace(adapter="print@1")
    driver.submit(stream)
    driver.step()
    driver.submit(spec(2, "long " * 200, max_tokens=4))
    gaps, gap = [], 0
    while driver.engine.has_work:
        said = {event.key for event in driver.step()}
        gap = 0 if stream.key in said else gap + 1
        gaps.append(gap)
    assert max(gaps[:20]) == 1
    assert len(driver.tokens(stream.key)) <= 30
    driver.end(spec(2).key)
