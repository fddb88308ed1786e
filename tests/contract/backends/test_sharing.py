"""Requests that begin alike, on every kind of cells: the beginning is computed once, and what is
said is what each would have been told alone.
"""

from collections.abc import Sequence

import msgspec
import pytest

from tests.contract.backends.conftest import ALL, OPTIONS, RECURRENT, WINDOWED, Open
from tests.contract.backends.reading import GREEDY, assert_same, prompt
from tests.contract.backends.running import Run, answer, ask
from velocity_local.worker.engine.backend import Backend, Forward, Span
from velocity_local.worker.engine.sequence import SequenceSpec

ROOMY = msgspec.structs.replace(OPTIONS, n_ctx=2048, n_seq_max=6)
N_SHARED, N_TAIL, N_ANSWER = 130, 10, 8
# Shared cells are copied where whole tiles end.
N_SHARED_TILES = 128
UNCUTTABLE = (*WINDOWED, *RECURRENT)


def counted(backend: Backend, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tokens each pass of the backend has, from now on."""
    passes: list[int] = []
    forward = backend.forward

    def counting(spans: Sequence[Span]) -> Forward:
        passes.append(sum(len(span.tokens) for span in spans))
        return forward(spans)

    monkeypatch.setattr(backend, "forward", counting)
    return passes


def fan(backend: Backend, n_requests: int, *, n_tail: int = N_TAIL) -> list[SequenceSpec]:
    """Requests with one beginning and tails of their own."""
    head = prompt(backend, N_SHARED)
    return [
        ask(i, head + prompt(backend, n_tail, start=7 * i + 1), GREEDY, max_tokens=N_ANSWER)
        for i in range(n_requests)
    ]


def assert_as_alone(run: Run, backend: Backend, asked: Sequence[SequenceSpec]) -> None:
    for spec in asked:
        expected = answer(backend, spec)
        assert_same(backend, spec.prompt, run.tokens(spec.key), expected)


@pytest.mark.parametrize("name", ALL)
def test_a_fan_out_computes_what_it_shares_once(
    name: str, open_backend: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = open_backend(name, ROOMY)
    asked, run = fan(backend, 5), Run(backend)
    passes = counted(backend, monkeypatch)
    run.finish(*asked)
    own = N_SHARED - N_SHARED_TILES + N_TAIL + N_ANSWER
    assert sum(passes) <= N_SHARED_TILES + len(asked) * own
    cached = [run.begins[spec.key].cached_tokens for spec in asked]
    assert cached[0] == 0
    assert min(cached[1:]) >= N_SHARED_TILES
    alone = open_backend(name, ROOMY)
    assert_as_alone(run, alone, asked)


@pytest.mark.parametrize("name", UNCUTTABLE)
def test_one_that_comes_while_the_beginning_is_computed_still_shares_it(
    name: str, open_backend: Open
) -> None:
    backend = open_backend(name, ROOMY)
    first, second, _ = fan(backend, 3)
    run = Run(backend)
    run.submit(first)
    run.step()
    assert not run.tokens(first.key), "the beginning is to be longer than a pass"
    run.finish(second)
    assert run.begins[second.key].cached_tokens == N_SHARED_TILES
    assert_as_alone(run, open_backend(name, ROOMY), [first, second])


@pytest.mark.parametrize("name", UNCUTTABLE)
def test_where_prompts_were_seen_to_part_the_next_one_begins(name: str, open_backend: Open) -> None:
    """They come one after the other; the second may have to compute all of it once more."""
    backend = open_backend(name, ROOMY)
    asked, run = fan(backend, 3, n_tail=80), Run(backend, state_bytes=2**26)
    for spec in asked:
        run.finish(spec)
    assert run.begins[asked[2].key].cached_tokens >= N_SHARED_TILES
    assert_as_alone(run, open_backend(name, ROOMY), asked)


@pytest.mark.parametrize("name", UNCUTTABLE)
def test_beginnings_within_beginnings_are_shared_too(name: str, open_backend: Open) -> None:
    """Some share 64 tokens with the first, some of these 130 among themselves."""
    backend = open_backend(name, ROOMY)
    head, branch = prompt(backend, 64), prompt(backend, 66, start=80)
    tails = [prompt(backend, N_TAIL, start=5 * i + 2) for i in range(5)]
    prompts = [head + branch[::-1], *(head + branch + tail for tail in tails)]
    asked = [ask(i, tokens, GREEDY, max_tokens=N_ANSWER) for i, tokens in enumerate(prompts)]
    run = Run(backend)
    run.finish(*asked)
    assert [run.begins[spec.key].cached_tokens for spec in asked] == [0, 64, *[128] * 4]
    assert_as_alone(run, open_backend(name, ROOMY), asked)
