"""Adapters take turns: nobody's decoding waits for more than one long pass, nobody starves."""

from tests.unit.worker.engine.driving import ENDLESS, Driver, spec
from velocity_local.core.adapters import Adapter
from velocity_local.core.queueing import QueueTerms
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.engine.live import LiveSequence
from velocity_local.worker.engine.sequence import SequenceKey, SequenceSpec
from velocity_local.worker.engine.turns import ROUND_MS, Turns

CHUNK = 64
TERMS, BATCH = QueueTerms(), QueueTerms(priority="batch")


def live(adapter: str, n_pending: int, *, terms: QueueTerms = TERMS) -> LiveSequence:
    key, prompt = SequenceKey(1, 0), (5,) * n_pending
    asked = SequenceSpec(key, prompt, SamplingParams(), 10, adapter=adapter, queue=terms)
    return LiveSequence(asked, n_ctx=4096, reserve=0, now_s=0.0)


def played(ready: list[LiveSequence], n_turns: int, *, pass_ms: float = 500) -> list[str]:
    """Whose turns they were; prefills in capitals. Decoding goes on, prompts do not end."""
    turns, story = Turns(), []
    for number in range(n_turns):
        now_ms = 10_000 + number * pass_ms
        chosen = turns.next_of(ready, now_ms)
        assert len({sequence.spec.adapter for sequence in chosen}) == 1
        counts = [min(sequence.n_pending, CHUNK) for sequence in chosen]
        turns.had(list(zip(chosen, counts, strict=True)), now_ms)
        name = chosen[0].spec.adapter
        story.append(name.upper() if max(counts) > 1 else name)
    return story


def test_one_adapter_alone_has_every_turn_whole() -> None:
    ready = [live("a", 1), live("a", 300), live("a", 1)]
    assert Turns().next_of(ready, 0.0) == ready


def test_those_that_decode_alternate() -> None:
    assert played([live("a", 1), live("b", 1), live("", 1)], 6) == ["", "a", "b"] * 2


def test_short_steps_go_on_for_a_while() -> None:
    story = played([live("a", 1), live("b", 1)], 24, pass_ms=10)
    assert story == (["a"] * 5 + ["b"] * 5) * 2 + ["a"] * 4


def test_the_more_there_are_the_shorter_each_turn() -> None:
    names = [chr(ord("a") + i) for i in range(11)]
    story = played([live(name, 1) for name in names], 44, pass_ms=10)
    assert story == [name for name in names for _ in range(2)] * 2
    assert ROUND_MS == 10 * 20, "the pause of one while ten others have their turns"


def test_turns_of_a_while_end_where_a_prompt_begins() -> None:
    ready = [live("a", 1), live("b", 1), live("c", 900)]
    assert played(ready, 6, pass_ms=10) == ["C", "a", "b", "C", "a", "b"]


def test_those_that_prefill_alternate() -> None:
    assert played([live("a", 900), live("b", 900)], 4) == ["A", "B", "A", "B"]


def test_prompts_of_the_first_class_go_first() -> None:
    ready = [live("a", 900, terms=BATCH), live("b", 900), live("c", 1)]
    assert played(ready, 4) == ["B", "c", "B", "c"]


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
