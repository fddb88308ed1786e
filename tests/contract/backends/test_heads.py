"""A model's own heads guess: texts are those without them, and come in fewer passes."""

from collections.abc import Sequence

import msgspec
import pytest

from tests.contract.backends.conftest import HEADED, OPTIONS, WITH_HEADS, Open
from tests.contract.backends.reading import GREEDY, assert_same, feed, next_token, prompt
from tests.contract.backends.running import Run, answer, ask
from tests.contract.backends.test_speculation import PENALIZED, SEEDED
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.backends.llama_cpp import native_heads
from velocity_local.worker.backends.llama_cpp.hidden import KEPT_ROWS
from velocity_local.worker.engine.backend import Backend, BackendError, Forward, Guesser, Span
from velocity_local.worker.engine.sequence import Ended, SequenceSpec

WITHOUT = msgspec.structs.replace(OPTIONS, heads="off")


def _heads(backend: Backend) -> Guesser:
    heads = backend.heads
    assert heads is not None
    return heads


def _timings(run: Run, specs: Sequence[SequenceSpec]) -> tuple[int, int]:
    """How many tokens were guessed for them, and how many of these came."""
    ends = [end for spec in specs if isinstance(end := run.ends[spec.key], Ended)]
    assert len(ends) == len(specs)
    timings = [end.timings for end in ends]
    return sum(t.drafted_tokens for t in timings), sum(t.accepted_tokens for t in timings)


# Which experts compute is decided by ties as well: company alone flips some seeded draws there.
KINDS = [
    *((name, GREEDY) for name in HEADED),
    *((name, PENALIZED) for name in HEADED),
    ("qwen35-heads", SEEDED),
]


@pytest.mark.parametrize(("name", "sampling"), KINDS)
def test_texts_are_those_without_heads(
    name: str, sampling: SamplingParams, open_backend: Open
) -> None:
    backend, plain = open_backend(name, WITH_HEADS), open_backend(name, WITHOUT)
    assert plain.heads is None
    specs = [
        ask(i, prompt(backend, 50 + 20 * i), sampling, max_tokens=50 - 10 * i) for i in range(3)
    ]
    run = Run(backend, speculation="on")
    texts = run.finish(*specs)
    for spec, said in zip(specs, texts, strict=True):
        assert_same(plain, spec.prompt, said, answer(plain, spec))
    drafted, accepted = _timings(run, specs)
    assert drafted > accepted > drafted // 5


@pytest.mark.parametrize("name", HEADED)
def test_what_comes_from_saved_cells_is_guessed_for_all_the_same(
    name: str, open_backend: Open
) -> None:
    backend, plain = open_backend(name, WITH_HEADS), open_backend(name, WITHOUT)
    spec = ask(1, prompt(backend, 150), GREEDY, max_tokens=30)
    run = Run(backend, speculation="on", state_bytes=2**24)
    (first,) = run.finish(spec)
    kept = run.engine.cache.save_all()
    again = Run(backend, speculation="on", state_bytes=2**24)
    for sequence in range(backend.capabilities.n_seq_max):
        backend.clear(sequence)
    again.engine.cache.take(kept)
    (second,) = again.finish(spec)
    assert again.begins[spec.key].cached_tokens > 100
    assert_same(plain, spec.prompt, first, answer(plain, spec))
    assert_same(plain, spec.prompt, second, first)
    assert _timings(again, [spec])[1] > 0


@pytest.mark.parametrize(("name", "sampling"), KINDS)
def test_a_resumed_text_goes_on_as_it_would_have(
    name: str, sampling: SamplingParams, open_backend: Open
) -> None:
    backend = open_backend(name, WITH_HEADS)
    spec = ask(1, prompt(backend, 60), sampling, max_tokens=40)
    (whole,) = Run(backend, speculation="on").finish(spec)
    for sequence in range(backend.capabilities.n_seq_max):
        backend.clear(sequence)
    resumed = ask(2, spec.prompt, sampling, max_tokens=40, emitted=whole[:17])
    run = Run(backend, speculation="on")
    (rest,) = run.finish(resumed)
    assert_same(backend, [*spec.prompt, *whole[:17]], rest, whole[17:])
    assert _timings(run, [resumed])[1] > 0


@pytest.mark.parametrize("name", HEADED)
def test_a_slot_that_was_cancelled_is_taken_over_clean(name: str, open_backend: Open) -> None:
    backend, plain = open_backend(name, WITH_HEADS), open_backend(name, WITHOUT)
    run = Run(backend, speculation="on")
    specs = [ask(i, prompt(backend, 40 + i), GREEDY, max_tokens=200) for i in range(4)]
    run.submit(*specs)
    for _ in range(12):
        run.step()
    for spec in specs:
        run.engine.cancel(spec.key.handle)
    after = [ask(10 + i, prompt(backend, 45, start=i), GREEDY, max_tokens=30) for i in range(4)]
    texts = run.finish(*after)
    for spec, said in zip(after, texts, strict=True):
        assert_same(plain, spec.prompt, said, answer(plain, spec))


def test_heads_get_the_state_before_each_token(open_backend: Open) -> None:
    backend = open_backend("states-alone", WITH_HEADS)
    heads = _heads(backend)
    history = prompt(backend, 3 * KEPT_ROWS)
    feed(backend, 1, history)
    n_right, n_read = 0, 0
    for _ in range(40):
        history.append(next_token(backend, history).token)
        start = n_read or heads.earliest(1)
        assert start is not None
        n_read = len(history)
        assert heads.read([Span(1, start, history[start:], True)]) is Forward.DONE
        # From the state before the last token follows what that token was, and no other would.
        n_right += heads.guess([history])[0] == history[-1]
        feed(backend, 1, history[-1:])
    assert n_right > 30


def test_heads_read_the_last_tokens_that_were_computed(open_backend: Open) -> None:
    backend = open_backend("glm4moe", WITH_HEADS)
    heads = _heads(backend)
    assert heads.earliest(0) is None
    history = prompt(backend, 3 * KEPT_ROWS)
    feed(backend, 0, history)
    earliest = heads.earliest(0)
    assert earliest is not None
    assert len(history) - earliest >= KEPT_ROWS - 1
    backend.copy(0, 1, len(history) - 10)
    assert heads.earliest(1) == earliest
    backend.copy(0, 2, 20)
    assert heads.earliest(2) is None
    assert backend.truncate(0, earliest + 5)
    assert heads.earliest(0) == earliest
    backend.clear(0)
    assert heads.earliest(0) is None


@pytest.mark.parametrize("name", HEADED)
def test_their_memory_is_counted(name: str, open_backend: Open) -> None:
    with_heads, without = open_backend(name, WITH_HEADS), open_backend(name, WITHOUT)
    assert with_heads.loaded.memory_bytes > without.loaded.memory_bytes


def test_states_multiply_only_where_it_was_asked_for(open_backend: Open) -> None:
    backend = open_backend("qwen35-heads")
    assert backend.heads is None
    assert backend.capabilities.most_guesses == 0
    assert open_backend("glm4moe").heads is not None


def test_a_file_that_was_stripped_of_its_heads_runs_without(open_backend: Open) -> None:
    backend = open_backend("glm4moe-stripped", WITH_HEADS)
    assert backend.heads is None
    spec = ask(1, prompt(backend, 30), GREEDY)
    assert len(answer(backend, spec)) == spec.max_tokens


def test_broken_heads_are_an_error_of_loading_and_end_nothing(open_backend: Open) -> None:
    with pytest.raises(BackendError, match="ffn_gate_inp"):
        open_backend("glm4moe-broken", WITH_HEADS)


def test_a_library_without_the_functions_is_one_without_heads(
    open_backend: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(native_heads, "_GET", ("_Z9not_there", "?not_there@@YAXXZ"))
    backend = open_backend("glm4moe", WITH_HEADS)
    assert backend.heads is None
    assert "not_there" in caplog.text
    spec = ask(1, prompt(backend, 30), GREEDY)
    assert len(answer(backend, spec)) == spec.max_tokens
