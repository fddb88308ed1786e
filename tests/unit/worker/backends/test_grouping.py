"""Which spans MLX computes together: a table, and that nothing is lost on the way."""

from hypothesis import given
from hypothesis import strategies as st

from velocity_local.worker.backends.mlx.grouping import FREE_CELLS, Group, groups
from velocity_local.worker.engine.backend import Span


def span(sequence: int, n: int, *, start: int = 0, wants: bool = True, drafted: int = 0) -> Span:
    return Span(sequence, start, list(range(n)), wants, n_drafted=drafted)


def shapes(found: list[Group]) -> list[tuple[list[tuple[int, int]], bool]]:
    return [([(p.span, p.n) for p in group.pieces], group.wants_logits) for group in found]


def test_decoding_sequences_are_one_batch() -> None:
    spans = [span(i, 1, start=100 + 7 * i) for i in range(4)]
    (group,) = groups(spans, can_pad=True, can_batch=True)
    assert [piece.span for piece in group.pieces] == [0, 1, 2, 3]
    assert group.wants_logits


def test_a_long_prompt_ends_beside_those_that_decode() -> None:
    spans = [span(0, 1, start=50), span(1, 90)]
    found = shapes(groups(spans, can_pad=True, can_batch=True))
    assert found == [([(1, 89)], False), ([(0, 1), (1, 1)], True)]


def test_prompts_of_about_one_length_are_filled_up_and_others_are_not() -> None:
    spans = [span(i, n, wants=False) for i, n in enumerate((60, 64, 20, 62))]
    found = shapes(groups(spans, can_pad=True, can_batch=True))
    assert found == [([(2, 20)], False), ([(0, 60), (1, 64), (3, 62)], False)]


def test_guesses_of_different_numbers_are_checked_together() -> None:
    spans = [span(0, 4, start=50, drafted=3), span(1, 3, start=50, drafted=2)]
    (group,) = groups(spans, can_pad=True, can_batch=True)
    assert group.width == 4


def test_caches_that_cannot_be_filled_up_take_single_tokens_together_only() -> None:
    spans = [span(0, 5), span(1, 5), span(2, 1, start=9), span(3, 1, start=9)]
    found = shapes(groups(spans, can_pad=False, can_batch=True))
    assert found == [([(2, 1), (3, 1)], True), ([(0, 5)], True), ([(1, 5)], True)]


def test_a_long_conversation_does_not_give_short_ones_its_memory() -> None:
    spans = [span(0, 1, start=20 * FREE_CELLS), *(span(i, 1, start=100) for i in range(1, 5))]
    found = shapes(groups(spans, can_pad=True, can_batch=True))
    assert found == [([(i, 1) for i in range(1, 5)], True), ([(0, 1)], True)]


SPANS = st.lists(
    st.tuples(st.integers(1, 80), st.integers(0, 5000), st.booleans(), st.integers(0, 4)),
    min_size=1,
    max_size=8,
)


@given(SPANS, st.booleans(), st.booleans())
def test_every_token_is_computed_once_and_in_order(
    drawn: list[tuple[int, int, bool, int]], can_pad: bool, can_batch: bool
) -> None:
    spans = [
        span(i, n, start=start, wants=wants, drafted=min(drafted, n - 1) if wants else 0)
        for i, (n, start, wants, drafted) in enumerate(drawn)
    ]
    done = [0] * len(spans)
    for group in groups(spans, can_pad=can_pad, can_batch=can_batch):
        assert len({piece.span for piece in group.pieces}) == len(group.pieces)
        for piece in group.pieces:
            assert piece.at == done[piece.span]
            done[piece.span] += piece.n
            assert piece.end == spans[piece.span].start + done[piece.span]
            if group.wants_logits:
                assert piece.n > spans[piece.span].n_drafted
    assert done == [len(one.tokens) for one in spans]
