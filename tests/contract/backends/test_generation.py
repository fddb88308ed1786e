"""What callers see does not depend on the way there: chunks, company, copies, crashes."""

import msgspec
import pytest

from tests.contract.backends.conftest import ALL, ATTENTION, OPTIONS, RECURRENT, Open
from tests.contract.backends.reading import GREEDY, assert_same, prompt
from tests.contract.backends.running import Run, answer, ask
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.engine.sequence import Broken, SequenceKey

SEEDED = SamplingParams(seed=11, temperature=1.2, top_k=0, top_p=1.0, min_p=0.0, ignore_eos=True)


@pytest.mark.parametrize("name", ALL)
def test_greedy_twice_is_the_same_text(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    spec = ask(1, prompt(backend, 70), GREEDY)
    assert answer(backend, spec) == answer(backend, spec)


@pytest.mark.parametrize("name", ALL)
def test_a_prompt_in_chunks_reads_like_one_in_a_piece(name: str, open_backend: Open) -> None:
    pieces = open_backend(name)
    whole = open_backend(name, msgspec.structs.replace(OPTIONS, n_batch=256))
    spec = ask(1, prompt(pieces, 150), GREEDY)
    assert_same(pieces, spec.prompt, answer(pieces, spec), answer(whole, spec))


@pytest.mark.parametrize("name", ALL)
def test_company_does_not_change_a_text(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    specs = [ask(i, prompt(backend, 20 + 9 * i, start=3 * i), GREEDY) for i in range(4)]
    expected = [answer(backend, spec) for spec in specs]
    together = Run(backend).finish(*specs)
    for spec, said, alone in zip(specs, together, expected, strict=True):
        assert_same(backend, spec.prompt, said, alone)


@pytest.mark.parametrize("name", ALL)
def test_choices_of_one_prompt_prefill_it_once(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    tokens = prompt(backend, 40)
    specs = [ask(1, tokens, GREEDY, choice=i) for i in range(3)]
    expected = answer(backend, specs[0])
    run = Run(backend)
    texts = run.finish(*specs)
    assert texts[0] == texts[1] == texts[2]
    assert [run.begins[spec.key].cached_tokens for spec in specs] == [0, 40, 40]
    assert_same(backend, tokens, texts[0], expected)


@pytest.mark.parametrize("name", ALL)
def test_the_next_turn_reuses_the_last_one_and_reads_the_same(
    name: str, open_backend: Open
) -> None:
    backend = open_backend(name)
    first = ask(1, prompt(backend, 40), GREEDY)
    run = Run(backend)
    (said,) = run.finish(first)
    second = ask(2, [*first.prompt, *said, *prompt(backend, 10, start=60)], GREEDY)
    (tokens,) = run.finish(second)
    assert run.begins[second.key].cached_tokens == 40 + len(said) - 1
    for sequence in range(4):
        backend.clear(sequence)
    assert_same(backend, second.prompt, tokens, answer(backend, second))


@pytest.mark.parametrize("name", ATTENTION)
def test_a_shared_beginning_is_reused_and_reads_the_same(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    head = prompt(backend, 64)
    first = ask(1, [*head, *prompt(backend, 10, start=70)], GREEDY)
    second = ask(2, [*head, *prompt(backend, 10, start=80)], GREEDY)
    expected = answer(backend, second)
    run = Run(backend)
    run.finish(first)
    (said,) = run.finish(second)
    assert run.begins[second.key].cached_tokens == 64
    assert_same(backend, second.prompt, said, expected)


@pytest.mark.parametrize("name", RECURRENT)
def test_a_state_that_went_further_is_not_reused(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    spec = ask(1, prompt(backend, 40), GREEDY)
    run = Run(backend)
    (said,) = run.finish(spec)
    again = ask(2, prompt(backend, 40), GREEDY)
    (said_again,) = run.finish(again)
    assert run.begins[again.key].cached_tokens == 0
    assert_same(backend, spec.prompt, said_again, said)


@pytest.mark.parametrize("name", ALL)
def test_resuming_goes_on_as_if_nothing_had_happened(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    tokens = prompt(backend, 40)
    said = answer(backend, ask(1, tokens, GREEDY))
    for n in (1, 5, 11):
        rest = answer(backend, ask(1, tokens, GREEDY, emitted=said[:n]))
        assert len(rest) == len(said) - n
        assert_same(backend, [*tokens, *said[:n]], rest, said[n:])


@pytest.mark.parametrize("name", ALL)
def test_a_resumed_sequence_counts_all_its_tokens(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    tokens = prompt(backend, 40)
    said = answer(backend, ask(1, tokens, GREEDY))
    run = Run(backend)
    spec = ask(1, tokens, GREEDY, emitted=said[:5])
    run.finish(spec)
    end = run.ends[spec.key]
    assert not isinstance(end, Broken)
    assert (end.usage.prompt_tokens, end.usage.completion_tokens) == (40, 12)


@pytest.mark.parametrize("name", ALL)
def test_a_seed_repeats_and_another_seed_does_not(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    tokens = prompt(backend, 40)
    other = msgspec.structs.replace(SEEDED, seed=12)
    first, again, different = (
        answer(backend, ask(1, tokens, sampling, max_tokens=20))
        for sampling in (SEEDED, SEEDED, other)
    )
    assert first == again != different


@pytest.mark.parametrize("name", ALL)
def test_cancelling_one_leaves_the_others_as_they_were(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    specs = [ask(i, prompt(backend, 30, start=9 * i), GREEDY) for i in range(3)]
    expected = [answer(backend, spec) for spec in specs]
    run = Run(backend)
    run.submit(*specs)
    for _ in range(4):
        run.step()
    run.engine.cancel(1)
    while run.engine.has_work:
        run.step()
    for i in (0, 2):
        assert_same(backend, specs[i].prompt, run.tokens(specs[i].key), expected[i])
    assert SequenceKey(1, 0) not in run.ends


@pytest.mark.parametrize("name", ALL)
def test_more_requests_than_slots_and_cells_all_get_their_text(
    name: str, open_backend: Open
) -> None:
    backend = open_backend(name)
    specs = [ask(i, prompt(backend, 60, start=2 * i), GREEDY, max_tokens=30) for i in range(12)]
    alone = [answer(backend, spec) for spec in specs[:2]]
    texts = Run(backend).finish(*specs)
    assert [len(text) for text in texts] == [30] * 12
    for i in (0, 1):
        assert_same(backend, specs[i].prompt, texts[i], alone[i])


@pytest.mark.parametrize("name", ALL)
def test_an_interrupted_prefill_is_made_good(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    spec = ask(1, prompt(backend, 150), GREEDY)
    expected = answer(backend, spec)
    run = Run(backend)
    run.submit(spec)
    run.step()
    backend.request_abort()
    assert run.finish() == []
    assert_same(backend, spec.prompt, run.tokens(spec.key), expected)
