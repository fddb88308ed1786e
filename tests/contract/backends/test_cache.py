"""What every backend promises about its cells: copies, cuts, a full cache, aborts, bad batches."""

import msgspec
import pytest

from tests.contract.backends.conftest import ALL, ATTENTION, OPTIONS, RECURRENT, WINDOWED, Open
from tests.contract.backends.reading import assert_same, feed, go_on, next_token, prompt, read_alone
from tests.support.tiny_models import WINDOW
from velocity_local.worker.engine.backend import BackendError, Forward, Span, Truncation


@pytest.mark.parametrize("name", ALL)
def test_copying_a_whole_sequence_goes_on_like_the_source(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    history = prompt(backend, 40)
    feed(backend, 0, history[:-1])
    backend.copy(0, 1, 39)
    assert backend.length(1) == 39
    copied, original = go_on(backend, 1, history, 6), go_on(backend, 0, history, 6)
    assert_same(backend, history, copied, original)


@pytest.mark.parametrize("name", ATTENTION)
def test_copying_a_part_shares_the_prefix_only(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    first, second = prompt(backend, 40), prompt(backend, 30) + prompt(backend, 9, start=50)
    feed(backend, 0, first)
    backend.copy(0, 1, 30)
    feed(backend, 1, second[30:-1])
    shared = go_on(backend, 1, second, 6)
    assert_same(backend, second, shared, read_alone(backend, 2, second, 6))


@pytest.mark.parametrize("name", [*WINDOWED, *RECURRENT])
def test_copying_a_part_is_refused_where_it_would_be_wrong(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    assert not backend.capabilities.can_copy_part
    feed(backend, 0, prompt(backend, 40))
    with pytest.raises(BackendError, match="copy"):
        backend.copy(0, 1, 30)
    assert backend.length(1) == 0


@pytest.mark.parametrize("name", ATTENTION)
def test_truncating_goes_back_in_time(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    assert backend.capabilities.truncation is Truncation.ANYWHERE
    history = prompt(backend, 40)
    feed(backend, 0, history[:-1] + prompt(backend, 9, start=60))
    assert backend.truncate(0, 39)
    assert backend.length(0) == 39
    went_on = go_on(backend, 0, history, 6)
    assert_same(backend, history, went_on, read_alone(backend, 1, history, 6))


@pytest.mark.parametrize("name", WINDOWED)
def test_a_window_can_be_cut_while_it_still_reaches_the_start(
    name: str, open_backend: Open
) -> None:
    backend = open_backend(name)
    history = prompt(backend, WINDOW - 8)
    feed(backend, 0, history[:-1] + prompt(backend, 4, start=60))
    assert backend.truncate(0, len(history) - 1)
    went_on = go_on(backend, 0, history, 4)
    assert_same(backend, history, went_on, read_alone(backend, 1, history, 4))


@pytest.mark.parametrize("name", [*WINDOWED, *RECURRENT])
def test_a_cut_that_cannot_be_exact_is_refused_and_changes_nothing(
    name: str, open_backend: Open
) -> None:
    backend = open_backend(name)
    history = prompt(backend, 10 * WINDOW)
    feed(backend, 0, history[:-1])
    assert not backend.truncate(0, 2 * WINDOW)
    assert backend.length(0) == len(history) - 1
    after = go_on(backend, 0, history, 4)
    backend.clear(0)
    assert_same(backend, history, after, read_alone(backend, 0, history, 4))


@pytest.mark.parametrize("name", ALL)
def test_truncating_to_the_present_length_is_always_possible(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    feed(backend, 0, prompt(backend, 20))
    assert backend.truncate(0, 20)
    assert backend.length(0) == 20


@pytest.mark.parametrize("name", ALL)
def test_clearing_a_sequence_leaves_the_others(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    history = prompt(backend, 30)
    feed(backend, 0, history[:-1])
    feed(backend, 1, prompt(backend, 30, start=40))
    backend.copy(0, 2, 29)
    backend.clear(0)
    backend.clear(1)
    assert (backend.length(0), backend.length(1), backend.length(2)) == (0, 0, 29)
    went_on = go_on(backend, 2, history, 4)
    assert_same(backend, history, went_on, read_alone(backend, 0, history, 4))


@pytest.mark.parametrize("name", ATTENTION)
def test_a_full_cache_changes_nothing_and_takes_the_batch_once_there_is_room(
    name: str, open_backend: Open
) -> None:
    backend = open_backend(name, msgspec.structs.replace(OPTIONS, n_ctx=256))
    for sequence in range(3):
        feed(backend, sequence, prompt(backend, 80, start=sequence))
    span = Span(3, 0, prompt(backend, 30), wants_logits=True)
    assert backend.forward([span]) is Forward.FULL
    assert [backend.length(sequence) for sequence in range(4)] == [80, 80, 80, 0]
    backend.clear(1)
    assert backend.forward([span]) is Forward.DONE
    assert backend.length(3) == 30


@pytest.mark.parametrize("name", ALL)
def test_a_span_that_leaves_a_gap_is_an_error_and_nothing_advances(
    name: str, open_backend: Open
) -> None:
    backend = open_backend(name)
    feed(backend, 0, prompt(backend, 10))
    with pytest.raises(BackendError):
        backend.forward([Span(0, 12, prompt(backend, 2), wants_logits=True)])
    assert backend.length(0) == 10


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("token", [-1, 10_000_000])
def test_a_token_outside_the_vocabulary_is_an_error(
    name: str, token: int, open_backend: Open
) -> None:
    backend = open_backend(name)
    with pytest.raises(BackendError):
        backend.forward([Span(0, 0, [token, 5], wants_logits=True)])
    assert backend.length(0) == 0


@pytest.mark.parametrize("name", ALL)
def test_an_empty_or_too_large_batch_is_an_error(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    with pytest.raises(BackendError, match="a batch of 0"):
        backend.forward([])
    with pytest.raises(BackendError, match="a batch of 65"):
        backend.forward([Span(0, 0, prompt(backend, 65), wants_logits=True)])


@pytest.mark.parametrize("name", ALL)
def test_after_an_abort_the_sequence_goes_on_from_its_length(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    history = prompt(backend, 50)
    feed(backend, 0, history[:20])
    backend.request_abort()
    assert backend.forward([Span(0, 20, history[20:], wants_logits=True)]) is Forward.ABORTED
    rest = history[backend.length(0) :]
    feed(backend, 0, rest)
    said = [next_token(backend, history).token]
    assert_same(backend, history, said, read_alone(backend, 1, history, 1))


@pytest.mark.parametrize("name", ALL)
def test_sequences_of_one_batch_do_not_mix(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    histories = [prompt(backend, 20, start=start) for start in (0, 5, 30)]
    for sequence, history in enumerate(histories):
        feed(backend, sequence, history[:-1])
    spans = [Span(i, 19, history[-1:], wants_logits=True) for i, history in enumerate(histories)]
    assert backend.forward(spans) is Forward.DONE
    assert [backend.length(i) for i in range(3)] == [20, 20, 20]
    together = [[next_token(backend, one, span=i).token] for i, one in enumerate(histories)]
    alone = open_backend(name)
    for i, (history, said) in enumerate(zip(histories, together, strict=True)):
        alone.clear(i)
        assert_same(alone, history, said, read_alone(alone, i, history, 1))


@pytest.mark.parametrize("name", ALL)
def test_a_saved_sequence_goes_on_in_another_as_it_would_have(
    name: str, open_backend: Open
) -> None:
    backend = open_backend(name)
    history = prompt(backend, 3 * WINDOW)
    feed(backend, 0, history[:-1])
    state = backend.save(0, 0)
    backend.clear(0)
    feed(backend, 1, prompt(backend, 20, start=7))
    assert backend.restore(2, state, 0, len(history) - 1)
    assert [backend.length(sequence) for sequence in (0, 1, 2)] == [0, 20, len(history) - 1]
    went_on = go_on(backend, 2, history, 6)
    assert_same(backend, history, went_on, read_alone(backend, 0, history, 6))


@pytest.mark.parametrize("name", ATTENTION)
def test_parts_are_put_behind_each_other_and_the_last_one_is_cut(
    name: str, open_backend: Open
) -> None:
    backend = open_backend(name)
    history = prompt(backend, 61)
    feed(backend, 0, history[:20])
    first = backend.save(0, 0)
    feed(backend, 0, history[20:60])
    second = backend.save(0, 20)
    assert backend.restore(1, first, 0, 20)
    assert not backend.restore(1, second, 19, 60)
    assert not backend.restore(2, second, 20, 60)
    assert not backend.restore(1, backend.save(0, 30), 20, 60)
    assert backend.restore(1, second, 20, 45)
    assert not backend.restore(1, first, 45, 60)
    assert backend.restore(1, second, 45, 50)
    assert [backend.length(sequence) for sequence in (0, 1, 2)] == [60, 50, 0]
    feed(backend, 1, history[50:60])
    went_on = go_on(backend, 1, history, 6)
    assert_same(backend, history, went_on, read_alone(backend, 3, history, 6))


@pytest.mark.parametrize("name", [*WINDOWED, *RECURRENT])
def test_parts_are_refused_where_there_are_none(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    feed(backend, 0, prompt(backend, 40))
    with pytest.raises(BackendError, match="all or none"):
        backend.save(0, 10)
    assert not backend.restore(1, backend.save(0, 0), 0, 30)
    assert backend.length(1) == 0


@pytest.mark.parametrize("name", ATTENTION)
def test_a_state_for_which_there_is_no_room_changes_nothing(name: str, open_backend: Open) -> None:
    backend = open_backend(name, msgspec.structs.replace(OPTIONS, n_ctx=256))
    feed(backend, 0, prompt(backend, 100))
    state = backend.save(0, 0)
    feed(backend, 1, prompt(backend, 100, start=5))
    for _ in range(3):
        assert not backend.restore(2, state, 0, 50)
    feed(backend, 3, prompt(backend, 56, start=9))
    assert [backend.length(sequence) for sequence in range(4)] == [100, 100, 0, 56]


@pytest.mark.parametrize("name", ALL)
def test_half_a_state_is_none(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    feed(backend, 0, prompt(backend, 40))
    state = backend.save(0, 0)
    assert not backend.restore(1, state[: len(state) // 2], 0, 40)
    assert backend.length(1) == 0
    assert backend.restore(1, state, 0, 40)


@pytest.mark.parametrize("name", ALL)
def test_a_cut_is_foretold(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    n_tokens = 2 * WINDOW
    feed(backend, 0, prompt(backend, n_tokens))
    for length in (n_tokens, n_tokens - 1, n_tokens - 8, 8, 0):
        foretold = backend.can_truncate(0, length)
        backend.copy(0, 1, n_tokens)
        assert backend.truncate(1, length) is foretold
        backend.clear(1)
