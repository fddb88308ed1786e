"""Engine tests: which there are, what they ask, and how fast an engine was."""

from itertools import islice

import pytest

from velocity_local.lens.asks import Chat
from velocity_local.lens.engine_bench import EngineSource, EngineTest, combinations, repeat, speed
from velocity_local.lens.results import CacheState, CountSource, RequestRecord, Tokens
from velocity_local.lens.words import WordTexts


def record(
    sent_s: float,
    ttft_ms: float,
    e2e_ms: float,
    *,
    prompt: int = 0,
    cached: int = 0,
    output: int = 0,
) -> RequestRecord:
    counts = Tokens(source=CountSource.SERVER, prompt=prompt, output=output, cached=cached)
    return RequestRecord(
        index=0,
        intended_start_s=sent_s,
        start_s=sent_s,
        sent_s=sent_s,
        cache_state=CacheState.UNCONTROLLED,
        ttft_ms=ttft_ms,
        e2e_ms=e2e_ms,
        tokens=counts,
    )


def test_every_combination_has_its_name() -> None:
    names = [test.name for test in combinations([512], [128], [0, 4096], [1])]
    assert names == ["pp512", "pp512 @ d4096", "tg128", "tg128 @ d4096"]


def prompts(source: EngineSource, n: int) -> list[list[str]]:
    inputs = [session.ask.input for session in islice(source.sessions(), n)]
    return [each.turns[0].content.split() for each in inputs if isinstance(each, Chat)]


def test_what_lies_before_is_asked_first_and_stays_the_same() -> None:
    source = EngineSource(EngineTest(n_prompt=8, depth=20, batch=2), WordTexts(), salt="s")
    before = [session.ask.input.turns[0].content.split() for session in source.primers()]  # type: ignore[union-attr]  # chats
    asked = prompts(source, 4)
    assert [len(text) for text in before] == [20, 20]
    assert [len(text) for text in asked] == [28] * 4
    assert [text[:20] for text in asked] == [*before, *before]
    assert len({tuple(text[20:]) for text in asked}) == 4


def test_prefill_counts_what_was_computed() -> None:
    test = EngineTest(n_prompt=100)
    assert speed(test, [record(0, 500, 510, prompt=120, cached=20)]) == pytest.approx(200)


def test_streams_count_together() -> None:
    test = EngineTest(n_prompt=100, batch=2)
    both = [record(0, 500, 510, prompt=100), record(0.5, 500, 510, prompt=100)]
    assert speed(test, both) == pytest.approx(200)


def test_decoding_counts_tokens_after_each_first() -> None:
    test = EngineTest(n_output=11, batch=2)
    both = [record(0, 100, 1100, output=11), record(0, 600, 2100, output=11)]
    assert speed(test, both) == pytest.approx(20 / 2.0)


def test_a_failed_stream_makes_no_speed() -> None:
    test = EngineTest(n_output=11, batch=2)
    assert speed(test, [record(0, 100, 1100, output=11)]) is None


def test_the_first_repetition_warms_up() -> None:
    speeds = iter([1000, 500, 250])
    heard: list[float] = []
    found = repeat(
        EngineTest(n_prompt=100),
        lambda _: [record(0, next(speeds), 2000, prompt=100)],
        repetitions=2,
        heard=heard.append,
    )
    assert found is not None
    assert list(found.tokens_per_s) == pytest.approx([200, 400])
    assert heard == pytest.approx([200, 400])
