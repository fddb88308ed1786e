"""Guesses change how soon tokens come, and never which."""

from collections.abc import Sequence

import pytest

from tests.contract.backends.conftest import ALL, ATTENTION, RECURRENT, Open, with_mlx
from tests.contract.backends.reading import GREEDY, assert_same, feed, prompt
from tests.contract.backends.running import Run, answer, ask
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.engine.backend import (
    Backend,
    Forward,
    Sampled,
    SampleRow,
    Span,
    Truncation,
)
from velocity_local.worker.engine.sequence import Ended

SEEDED = SamplingParams(seed=7, temperature=0.9, top_k=0, top_p=1.0, min_p=0.0, ignore_eos=True)
TWO_WORDS = SamplingParams(temperature=0, ignore_eos=True, logit_bias=((300, 100.0), (301, 100.0)))
PENALIZED = SamplingParams(temperature=0, ignore_eos=True, repeat_penalty=1.3, repeat_last_n=64)


def _verified(
    backend: Backend, history: Sequence[int], draft: Sequence[int], sampling: SamplingParams
) -> list[int]:
    """The tokens after `history` along a draft; sequence 0 is empty again afterwards."""
    feed(backend, 0, history[:-1])
    span = Span(0, len(history) - 1, [history[-1], *draft], True, n_drafted=len(draft))
    assert backend.forward([span]) is Forward.DONE
    sampler = backend.sampler(sampling, history)
    (run,) = backend.verify([SampleRow(0, sampler, None)])
    sampler.close()
    backend.clear(0)
    tokens = [outcome.token for outcome in run if isinstance(outcome, Sampled)]
    assert len(tokens) == len(run)
    return tokens


@pytest.mark.parametrize("name", ATTENTION)
def test_a_right_draft_gives_its_tokens_and_one_more(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    history = prompt(backend, 40)
    said = answer(backend, ask(1, history, GREEDY, max_tokens=9))
    assert_same(backend, history, _verified(backend, history, said[:8], GREEDY), said)


@pytest.mark.parametrize("name", ATTENTION)
@pytest.mark.parametrize("at", [0, 3, 7])
def test_a_wrong_guess_ends_the_draft_and_is_replaced(
    name: str, at: int, open_backend: Open
) -> None:
    backend = open_backend(name)
    history = prompt(backend, 40)
    said = answer(backend, ask(1, history, GREEDY, max_tokens=9))
    draft = list(said[:8])
    draft[at] = (draft[at] + 1) % 256
    assert_same(backend, history, _verified(backend, history, draft, GREEDY), said[: at + 1])


@pytest.mark.parametrize("name", ATTENTION)
def test_the_chain_has_seen_what_was_taken_and_nothing_else(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    history = prompt(backend, 40)
    said = answer(backend, ask(1, history, PENALIZED, max_tokens=12))
    draft = [*said[:4], (said[4] + 1) % 256, *said[5:8]]
    assert_same(backend, history, _verified(backend, history, draft, PENALIZED), said[:5])


# A seeded draw has ties of its own, between tokens that stand next to each other: company alone
# flips some of the demo model's.
KINDS = [
    *((name, GREEDY) for name in ATTENTION),
    *((name, PENALIZED) for name in ATTENTION),
    ("fake", SEEDED),
    ("llama", SEEDED),
    *((name, SEEDED) for name in with_mlx((), "mlx-llama")),
]


@pytest.mark.parametrize(("name", "sampling"), KINDS)
def test_texts_are_those_without_guesses(
    name: str, sampling: SamplingParams, open_backend: Open
) -> None:
    backend = open_backend(name)
    specs = [
        ask(i, prompt(backend, 50 + 20 * i), sampling, max_tokens=50 - 10 * i) for i in range(3)
    ]
    expected = [answer(backend, spec) for spec in specs]
    texts = Run(backend, speculation="on").finish(*specs)
    for spec, said, alone in zip(specs, texts, expected, strict=True):
        assert_same(backend, spec.prompt, said, alone)


def test_a_text_in_circles_is_guessed(open_backend: Open) -> None:
    backend = open_backend("demo")
    spec = ask(1, prompt(backend, 100), TWO_WORDS, max_tokens=120)
    run = Run(backend, speculation="on")
    run.finish(spec)
    end = run.ends[spec.key]
    assert isinstance(end, Ended)
    assert 0 < end.timings.accepted_tokens <= end.timings.drafted_tokens


@pytest.mark.parametrize("name", ALL)
def test_only_models_that_can_take_back_guess(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    spec = ask(1, prompt(backend, 100), GREEDY, max_tokens=60)
    run = Run(backend, speculation="on")
    run.finish(spec)
    end = run.ends[spec.key]
    assert isinstance(end, Ended)
    can_cut = backend.capabilities.truncation is Truncation.ANYWHERE
    assert can_cut or end.timings.drafted_tokens == 0
    assert name in RECURRENT or backend.capabilities.n_logits >= 32
