"""Constraints on every backend: what they forbid is not said, and nothing else is changed."""

import msgspec
import pytest

from tests.contract.backends.conftest import Open, with_mlx
from tests.contract.backends.reading import prompt
from tests.contract.backends.running import Run, ask
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.constraints.compiler import Compiler
from velocity_local.worker.constraints.matcher import GrammarConstraint
from velocity_local.worker.constraints.vocabulary import Vocabulary
from velocity_local.worker.engine.backend import Backend
from velocity_local.worker.engine.constraint import Unanswerable
from velocity_local.worker.engine.sequence import Broken, Ended, SequenceSpec

REAL = with_mlx(("llama",), "mlx-llama")
MODELS = with_mlx(("fake", "llama", "demo", "gemma2", "mamba"), "mlx-llama", "mlx-mamba")
CODE = "start: /[a-f]{4}-[0-9]{6,9}/"
HOT = SamplingParams(seed=3, temperature=1.5, top_k=0, top_p=1.0, min_p=0.0)
SAMPLINGS = {
    "hot": HOT,
    "greedy": SamplingParams(temperature=0),
    "biased and greedy": SamplingParams(temperature=0, repeat_penalty=1.5),
    "penalties": msgspec.structs.replace(HOT, repeat_penalty=1.3, presence_penalty=0.5),
    "dry": msgspec.structs.replace(HOT, dry_multiplier=1.0),
    "xtc": msgspec.structs.replace(HOT, xtc_probability=0.5, xtc_threshold=0.02),
    "filters": SamplingParams(seed=3, top_k=5, top_p=0.9),
    "mirostat": msgspec.structs.replace(HOT, mirostat=2),
    "ignore_eos": msgspec.structs.replace(HOT, ignore_eos=True),
}


def constraint(backend: Backend, lark: str = CODE) -> GrammarConstraint:
    vocabulary = Vocabulary(backend.tokenizer)
    vocabulary.start()
    return Compiler(vocabulary).constraint(lark, "format")


def held(
    backend: Backend, sampling: SamplingParams = HOT, *, handle: int = 1, lark: str = CODE
) -> SequenceSpec:
    spec = ask(handle, prompt(backend, 20), sampling, max_tokens=60)
    return spec._replace(constraint=constraint(backend, lark))


def finish(backend: Backend, *specs: SequenceSpec) -> list[list[int]]:
    """The tokens of each, in an engine of their own; the backend is left empty."""
    tokens = Run(backend).finish(*specs)
    empty(backend)
    return tokens


def empty(backend: Backend) -> None:
    for sequence in range(backend.capabilities.n_seq_max):
        backend.clear(sequence)


def said(backend: Backend, tokens: list[int]) -> str:
    is_end, piece = backend.tokenizer.is_end, backend.tokenizer.piece
    return b"".join(piece(token) for token in tokens if not is_end(token)).decode()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("name", SAMPLINGS)
def test_whatever_the_sampling_the_format_holds(name: str, model: str, open_backend: Open) -> None:
    backend = open_backend(model)
    run = Run(backend)
    (tokens,) = run.finish(held(backend, SAMPLINGS[name]))
    text = said(backend, tokens)
    head, _, tail = text.partition("-")
    assert len(head) == 4
    assert set(head) <= set("abcdef")
    assert 6 <= len(tail) <= 9
    assert tail.isdigit()
    (end,) = run.ends.values()
    assert isinstance(end, Ended)
    assert end.reason == "stop"


@pytest.mark.parametrize("model", REAL)
def test_a_seed_says_the_same_again(model: str, open_backend: Open) -> None:
    backend = open_backend(model)
    first, again = (finish(backend, held(backend)) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("model", REAL)
@pytest.mark.parametrize("name", [name for name in SAMPLINGS if name != "mirostat"])
def test_an_answer_goes_on_elsewhere_as_it_would_have(
    name: str, model: str, open_backend: Open
) -> None:
    backend = open_backend(model)
    (whole,) = finish(backend, held(backend, SAMPLINGS[name]))
    for n_emitted in (1, 3, len(whole) - 1):
        standing = constraint(backend)
        assert all(standing.accept(token) for token in whole[:n_emitted])
        spec = held(backend, SAMPLINGS[name])
        resumed = spec._replace(emitted=tuple(whole[:n_emitted]), constraint=standing)
        (rest,) = finish(backend, resumed)
        assert whole[:n_emitted] + rest == whole


@pytest.mark.parametrize("model", REAL)
def test_an_answer_that_was_complete_ends_at_once(model: str, open_backend: Open) -> None:
    backend = open_backend(model)
    lark = 'start: "ab"'
    (whole,) = finish(backend, held(backend, lark=lark))
    standing = constraint(backend, lark)
    assert all(standing.accept(token) for token in whole)
    run = Run(backend)
    spec = held(backend, lark=lark)._replace(emitted=tuple(whole), constraint=standing)
    assert run.finish(spec) == [[]]
    assert isinstance(run.ends[spec.key], Ended)


@pytest.mark.parametrize("model", with_mlx(("demo",), "mlx-llama"))
def test_logprobs_are_of_the_whole_distribution(model: str, open_backend: Open) -> None:
    backend = open_backend(model)
    free = ask(1, prompt(backend, 20), HOT, max_tokens=1, top_logprobs=4)
    only = free._replace(constraint=constraint(backend))
    tops = []
    for spec in (free, only):
        run = Run(backend)
        run.finish(spec)
        empty(backend)
        tops.append([token for token, _ in run.sampled[spec.key][0].top])
    assert tops[0] == tops[1]


def test_those_beside_it_are_not_changed(open_backend: Open) -> None:
    backend = open_backend("fake")
    alone = ask(7, prompt(backend, 20), HOT, max_tokens=30)
    (expected,) = finish(backend, alone)
    beside, _ = finish(backend, alone, held(backend, handle=8))
    assert beside == expected


class _Broken:
    is_complete = False

    def accept(self, token: int) -> bool:
        return False

    def allowed(self) -> bytes:
        raise Unanswerable("too complex")


@pytest.mark.parametrize("model", ["fake", *REAL])
def test_one_that_cannot_go_on_breaks_alone(model: str, open_backend: Open) -> None:
    backend = open_backend(model)
    broken = held(backend, handle=2)._replace(constraint=_Broken())
    well = held(backend, handle=3)
    run = Run(backend)
    run.finish(broken, well)
    failed = run.ends[broken.key]
    assert isinstance(failed, Broken)
    assert failed.error.code == "invalid_format"
    assert isinstance(run.ends[well.key], Ended)


@pytest.mark.parametrize("model", REAL)
def test_a_vocabulary_without_the_words_is_told(model: str, open_backend: Open) -> None:
    backend = open_backend(model)

    class Nothing(_Broken):
        def allowed(self) -> bytes:
            return bytes(64)

    spec = held(backend)._replace(constraint=Nothing())
    run = Run(backend)
    run.finish(spec)
    failed = run.ends[spec.key]
    assert isinstance(failed, Broken)
    assert "no token" in failed.error.message
