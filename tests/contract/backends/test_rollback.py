"""Recurrent models that take back guesses: exactly these, once, and nothing else is disturbed."""

import pytest

from tests.contract.backends.conftest import STEPPING_BACK, WITH_HEADS, Open
from tests.contract.backends.reading import GREEDY, assert_same, feed, go_on, prompt, read_alone
from tests.contract.backends.running import Run, answer, ask
from velocity_local.worker.engine.backend import Backend, Forward, Span, Truncation
from velocity_local.worker.engine.sequence import Ended

N = 40


@pytest.fixture(params=STEPPING_BACK)
def backend(request: pytest.FixtureRequest, open_backend: Open) -> Backend:
    opened = open_backend(request.param, WITH_HEADS)
    assert opened.capabilities.truncation is Truncation.NEVER
    assert opened.capabilities.most_guesses == opened.capabilities.n_rollback == 3
    return opened


def _guess(backend: Backend, sequence: int, history: list[int], *, n_wrong: int = 3) -> None:
    """Compute the last token of a history with wrong guesses, and cut these off again."""
    at = len(history) - 1
    guesses = prompt(backend, n_wrong, start=60)
    span = Span(sequence, at, [history[-1], *guesses], True, n_drafted=n_wrong)
    assert backend.forward([span]) is Forward.DONE
    assert backend.truncate(sequence, at + 1)
    assert backend.length(sequence) == at + 1


@pytest.mark.parametrize("n_wrong", [1, 2, 3])
def test_guesses_that_were_cut_off_leave_no_trace(backend: Backend, n_wrong: int) -> None:
    history = prompt(backend, N)
    feed(backend, 0, history[:-2])
    _guess(backend, 0, history[:-1], n_wrong=n_wrong)
    went_on = go_on(backend, 0, history, 6)
    assert_same(backend, history, went_on, read_alone(backend, 1, history, 6))


def test_others_may_go_on_before_it_does(backend: Backend) -> None:
    history, other = prompt(backend, N), prompt(backend, N, start=30)
    for sequence in (2, 0, 1):
        feed(backend, sequence, (other if sequence else history)[:-2])
    _guess(backend, 0, history[:-1])
    _guess(backend, 2, other[:-1], n_wrong=1)
    feed(backend, 1, other[-2:-1])
    said = go_on(backend, 1, other, 3)
    assert_same(backend, other, go_on(backend, 2, other, 3), said)
    for sequence in (1, 2):
        backend.clear(sequence)
    feed(backend, 1, other)
    went_on = go_on(backend, 0, history, 6)
    assert_same(backend, history, went_on, read_alone(backend, 2, history, 6))


def test_a_copy_of_it_and_the_source_both_go_on(backend: Backend) -> None:
    history = prompt(backend, N)
    feed(backend, 1, history[:-2])
    _guess(backend, 1, history[:-1])
    for target in (0, 2):
        backend.copy(1, target, N - 1)
    texts = [go_on(backend, sequence, history, 6) for sequence in (2, 1, 0)]
    expected = read_alone(backend, 3, history, 6)
    for text in texts:
        assert_same(backend, history, text, expected)


def test_copies_step_back_each_by_itself(backend: Backend) -> None:
    history = prompt(backend, N)
    feed(backend, 1, history[:-2])
    for target in (0, 2):
        backend.copy(1, target, N - 2)
    _guess(backend, 1, history[:-1])
    _guess(backend, 0, history[:-1], n_wrong=2)
    texts = [go_on(backend, sequence, history, 6) for sequence in (0, 1)]
    feed(backend, 2, history[-2:-1])
    texts.append(go_on(backend, 2, history, 6))
    expected = read_alone(backend, 3, history, 6)
    for text in texts:
        assert_same(backend, history, text, expected)


def test_it_is_saved_as_it_is_after_the_cut(backend: Backend) -> None:
    history = prompt(backend, N)
    feed(backend, 0, history[:-2])
    _guess(backend, 0, history[:-1])
    state = backend.save(0, 0)
    backend.clear(0)
    assert backend.restore(2, state, 0, N - 1)
    went_on = go_on(backend, 2, history, 6)
    assert_same(backend, history, went_on, read_alone(backend, 1, history, 6))


def test_only_guesses_are_cut_and_only_once(backend: Backend) -> None:
    history = prompt(backend, N)
    feed(backend, 0, history[:-2])
    assert not backend.truncate(0, N - 3)
    span = Span(0, N - 2, [history[-2], *prompt(backend, 3, start=60)], True, n_drafted=3)
    assert backend.forward([span]) is Forward.DONE
    assert not backend.truncate(0, N - 2)
    assert backend.truncate(0, N)
    assert not backend.truncate(0, N - 1)
    assert not backend.can_truncate(0, N - 1)
    assert backend.length(0) == N


def test_texts_are_those_without_guesses_whoever_shares_them(backend: Backend) -> None:
    shared = prompt(backend, 70)
    first = [ask(i, shared + prompt(backend, 5 + i), GREEDY, max_tokens=40) for i in range(4)]
    expected = [answer(backend, spec) for spec in first]
    run = Run(backend, speculation="on", state_bytes=2**24)
    texts = run.finish(*first)
    second = [
        ask(10 + i, (*spec.prompt, *text, *shared[:7]), GREEDY, max_tokens=20)
        for i, (spec, text) in enumerate(zip(first, texts, strict=True))
    ]
    later = run.finish(*second)
    for spec, text, alone in zip(first, texts, expected, strict=True):
        assert_same(backend, spec.prompt, text, alone)
    for sequence in range(backend.capabilities.n_seq_max):
        backend.clear(sequence)
    for spec, text in zip(second, later, strict=True):
        assert_same(backend, spec.prompt, text, answer(backend, spec))
    ends = [run.ends[spec.key] for spec in (*first, *second)]
    assert sum(end.timings.drafted_tokens for end in ends if isinstance(end, Ended)) > 0


def test_what_was_saved_without_a_way_back_is_read_with_one_and_the_other_way(
    open_backend: Open,
) -> None:
    plain, backend = open_backend("qwen35-heads"), open_backend("qwen35-heads", WITH_HEADS)
    assert plain.capabilities.n_rollback == 0
    assert plain.capabilities.state_format == backend.capabilities.state_format
    history = prompt(backend, N)
    feed(plain, 0, history[:-2])
    assert backend.restore(1, plain.save(0, 0), 0, N - 2)
    _guess(backend, 1, history[:-1])
    assert plain.restore(1, backend.save(1, 0), 0, N - 1)
    expected = read_alone(plain, 2, history, 6)
    for one in (plain, backend):
        assert_same(plain, history, go_on(one, 1, history, 6), expected)
