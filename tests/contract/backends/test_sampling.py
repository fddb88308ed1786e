"""Every sampling parameter of llama.cpp's server does something, repeats, and can be resumed."""

from collections import Counter

import msgspec
import numpy as np
import pytest

from tests.contract.backends.conftest import OPTIONS, REAL, Open, with_mlx
from tests.contract.backends.reading import GREEDY, feed, next_token, prompt
from tests.contract.backends.running import Run, answer, ask
from velocity_local.core.errors import ErrorInfo, InvalidRequest
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.backends.llama_cpp import model as llama_model
from velocity_local.worker.engine.backend import Backend, Sampled, Sampler, SampleRow
from velocity_local.worker.engine.sequence import Broken

PLAIN = SamplingParams(
    seed=3, temperature=1.0, top_k=0, top_p=1.0, min_p=0.0, repeat_last_n=-1, ignore_eos=True
)
# Each alone, beside `PLAIN`, changes what is said.
EFFECTS: dict[str, dict[str, float]] = {
    "temperature": {"temperature": 3.0},
    "top_k": {"top_k": 3},
    "top_p": {"top_p": 0.3},
    "min_p": {"min_p": 0.3},
    "typical_p": {"typical_p": 0.3},
    "top_n_sigma": {"top_n_sigma": 0.5},
    "xtc": {"xtc_probability": 0.7, "xtc_threshold": 0.02},
    "dynatemp": {"dynatemp_range": 0.9, "dynatemp_exponent": 2.0},
    "repeat_penalty": {"repeat_penalty": 3.0},
    "presence_penalty": {"presence_penalty": 2.0},
    "frequency_penalty": {"frequency_penalty": 2.0},
    "dry": {"dry_multiplier": 20.0, "dry_base": 3.0, "dry_allowed_length": 0},
    "mirostat_1": {"mirostat": 1, "mirostat_tau": 1.0},
    "mirostat_2": {"mirostat": 2, "mirostat_tau": 1.0},
    "seed": {"seed": 4},
}
ENGINES = with_mlx(("llama",), "mlx-llama")
REPLAYABLE = [name for name in EFFECTS if not name.startswith("mirostat")]


def params(name: str) -> SamplingParams:
    return msgspec.structs.replace(PLAIN, **EFFECTS[name])


def say(backend: Backend, sampling: SamplingParams, n_tokens: int = 24) -> list[int]:
    return answer(backend, ask(1, prompt(backend, 30), sampling, max_tokens=n_tokens))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", EFFECTS)
def test_every_parameter_has_an_effect_and_repeats(
    engine: str, name: str, open_backend: Open
) -> None:
    backend = open_backend(engine)
    said = say(backend, params(name))
    assert said != say(backend, PLAIN)
    assert said == say(backend, params(name))


@pytest.mark.parametrize("model", REAL)
@pytest.mark.parametrize("name", REPLAYABLE)
def test_a_replayed_sampler_goes_on_like_the_one_that_sampled(
    name: str, model: str, open_backend: Open
) -> None:
    """All from one row of logits, so that nothing but the samplers can differ."""
    backend = open_backend(model)
    tokens = prompt(backend, 30)
    feed(backend, 0, tokens)
    original = backend.sampler(params(name), tokens)
    said = [draw(backend, original) for _ in range(24)]
    for n_emitted in (1, 9, 23):
        replayed = backend.sampler(params(name), tokens)
        for token in said[:n_emitted]:
            replayed.accept(token)
        rest = [draw(backend, replayed) for _ in range(24 - n_emitted)]
        replayed.close()
        assert rest == said[n_emitted:]
    original.close()


def draw(backend: Backend, sampler: Sampler) -> int:
    (sampled,) = backend.sample([SampleRow(0, sampler, None)])
    assert isinstance(sampled, Sampled)
    return sampled.token


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ["mirostat_1", "mirostat_2"])
def test_mirostat_goes_on_after_a_resume_with_a_fresh_target(
    engine: str, name: str, open_backend: Open
) -> None:
    backend = open_backend(engine)
    said = say(backend, params(name))
    spec = ask(1, prompt(backend, 30), params(name), max_tokens=24, emitted=said[:9])
    assert len(answer(backend, spec)) == 15


@pytest.mark.parametrize("name", REAL)
@pytest.mark.parametrize(
    "narrow",
    [
        {"temperature": 0.0},
        {"top_k": 1},
        {"top_p": 0.0},
        {"min_p": 1.0},
        {"temperature": 0.0, "xtc_probability": 1.0, "xtc_threshold": 0.0, "dynatemp_range": 5.0},
        {"temperature": 0.0, "mirostat": 1},
    ],
    ids=["temperature 0", "top_k 1", "top_p 0", "min_p 1", "and no XTC", "and no mirostat"],
)
def test_the_narrowest_setting_is_greedy(
    name: str, narrow: dict[str, float], open_backend: Open
) -> None:
    backend = open_backend(name)
    assert say(backend, msgspec.structs.replace(PLAIN, **narrow)) == say(backend, GREEDY)


@pytest.mark.parametrize("engine", ENGINES)
def test_xtc_at_its_strongest_never_takes_the_likeliest(engine: str, open_backend: Open) -> None:
    backend = open_backend(engine)
    xtc = msgspec.structs.replace(PLAIN, xtc_probability=1.0, xtc_threshold=0.001)
    run = Run(backend)
    spec = ask(1, prompt(backend, 30), xtc, max_tokens=24, top_logprobs=1)
    run.finish(spec)
    assert all(sampled.token != sampled.top[0][0] for sampled in run.sampled[spec.key])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_penalty_looks_at_the_prompt_and_at_temperature_0(
    engine: str, open_backend: Open
) -> None:
    backend = open_backend(engine)
    tokens = prompt(backend, 30)
    strict = msgspec.structs.replace(GREEDY, repeat_penalty=100.0, repeat_last_n=-1)
    spec = ask(1, tokens, strict, max_tokens=24)
    said = answer(backend, spec)
    assert max(Counter(said).values()) == 1
    assert not set(said) & set(tokens)


@pytest.mark.parametrize("engine", ENGINES)
def test_dry_breaks_a_loop(engine: str, open_backend: Open) -> None:
    backend = open_backend(engine)
    loop = prompt(backend, 8) * 3
    (usual,) = [next_after(backend, loop)]
    dry = msgspec.structs.replace(GREEDY, logit_bias=((loop[0], 100.0),))
    assert answer(backend, ask(1, loop, dry, max_tokens=1)) == [loop[0]]
    broken = msgspec.structs.replace(dry, dry_multiplier=60.0, dry_sequence_breakers=())
    assert answer(backend, ask(1, loop, broken, max_tokens=1)) == [usual]


def next_after(backend: Backend, tokens: list[int]) -> int:
    (token,) = answer(backend, ask(1, tokens, GREEDY, max_tokens=1))
    return token


@pytest.mark.parametrize("name", REAL)
def test_a_bias_of_100_wins_and_of_minus_100_loses(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    wanted = msgspec.structs.replace(GREEDY, logit_bias=((100, 100.0),))
    assert say(backend, wanted, 6) == [100] * 6
    first = say(backend, GREEDY, 1)[0]
    unwanted = msgspec.structs.replace(GREEDY, logit_bias=((first, -100.0),))
    assert first not in say(backend, unwanted)


@pytest.mark.parametrize("engine", ENGINES)
def test_several_biases_for_one_token_add_up(engine: str, open_backend: Open) -> None:
    backend = open_backend(engine)
    first = say(backend, GREEDY, 1)[0]
    biases = ((first, 100.0), (first, -100.0), (first, -100.0), (first, 50.0))
    assert first not in say(backend, msgspec.structs.replace(GREEDY, logit_bias=biases))


@pytest.mark.parametrize("engine", ENGINES)
def test_a_bias_outside_the_vocabulary_is_refused_by_name(engine: str, open_backend: Open) -> None:
    backend = open_backend(engine)
    beyond = backend.capabilities.n_vocab
    with pytest.raises(InvalidRequest, match=f"token {beyond}"):
        backend.sampler(SamplingParams(logit_bias=((beyond, 1.0),)), [])


@pytest.mark.parametrize("engine", ENGINES)
def test_the_engine_answers_a_bad_bias_and_goes_on(engine: str, open_backend: Open) -> None:
    backend = open_backend(engine)
    bad = msgspec.structs.replace(GREEDY, logit_bias=((10**6, 1.0),))
    specs = [ask(1, prompt(backend, 20), bad), ask(2, prompt(backend, 20), GREEDY)]
    run = Run(backend)
    texts = run.finish(*specs)
    end = run.ends[specs[0].key]
    assert isinstance(end, Broken)
    assert isinstance(end.error, ErrorInfo)
    assert (end.error.code, end.error.param) == ("invalid_value", "logit_bias")
    assert len(texts[1]) == 12


@pytest.mark.parametrize("name", ["llama", "demo"])
def test_without_ignore_eos_an_end_token_ends_and_is_counted(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    n_vocab = backend.capabilities.n_vocab
    end_token = next(token for token in range(n_vocab) if backend.tokenizer.is_end(token))
    ending = SamplingParams(temperature=0, logit_bias=((end_token, 100.0),))
    run = Run(backend)
    spec = ask(1, prompt(backend, 20), ending)
    assert run.finish(spec) == [[end_token]]
    end = run.ends[spec.key]
    assert not isinstance(end, Broken)
    assert (end.reason, end.usage.completion_tokens) == ("stop", 1)
    going_on = msgspec.structs.replace(ending, ignore_eos=True)
    assert len(say(open_backend(name), going_on)) == 24


@pytest.mark.parametrize("engine", ENGINES)
def test_a_seed_that_means_random_to_the_library_still_repeats(
    engine: str, open_backend: Open
) -> None:
    backend = open_backend(engine)
    highest = msgspec.structs.replace(PLAIN, seed=2**32 - 1)
    assert say(backend, highest) == say(backend, highest)


@pytest.mark.parametrize("engine", ENGINES)
def test_without_a_seed_texts_differ(engine: str, open_backend: Open) -> None:
    backend = open_backend(engine)
    unseeded = msgspec.structs.replace(PLAIN, seed=None, temperature=2.0)
    assert say(backend, unseeded) != say(backend, unseeded)


@pytest.mark.parametrize("name", REAL)
def test_threads_sample_what_one_thread_samples(
    name: str, open_backend: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_threads = msgspec.structs.replace(OPTIONS, n_threads=2)
    specs = [
        ask(i, prompt(open_backend(name), 30), msgspec.structs.replace(PLAIN, seed=i))
        for i in range(4)
    ]
    threaded = Run(open_backend(name, two_threads)).finish(*specs)
    monkeypatch.setattr(llama_model, "MIN_HEAVY_ROWS", len(specs) + 1)
    monkeypatch.setattr(llama_model, "MIN_ROWS", len(specs) + 1)
    assert Run(open_backend(name, two_threads)).finish(*specs) == threaded


@pytest.mark.parametrize("name", REAL)
def test_logprobs_are_those_of_the_whole_vocabulary(name: str, open_backend: Open) -> None:
    backend = open_backend(name)
    tokens = prompt(backend, 30)
    feed(backend, 0, tokens)
    sampled = next_token(backend, tokens, top=backend.capabilities.n_vocab)
    assert sampled.logprob is not None
    assert len(sampled.top) == backend.capabilities.n_vocab
    assert sum(np.exp(logprob) for _, logprob in sampled.top) == pytest.approx(1.0, abs=1e-5)
    assert [p for _, p in sampled.top] == sorted((p for _, p in sampled.top), reverse=True)
    assert sampled.top[0] == (sampled.token, sampled.logprob)
    assert next_token(backend, tokens, top=5).top == sampled.top[:5]
    assert next_token(backend, tokens, top=0) == (sampled.token, sampled.logprob, ())


@pytest.mark.parametrize("engine", ENGINES)
def test_logprobs_do_not_change_what_is_sampled(engine: str, open_backend: Open) -> None:
    backend = open_backend(engine)
    tokens = prompt(backend, 30)
    spec = ask(1, tokens, PLAIN, max_tokens=24, top_logprobs=3)
    assert answer(backend, spec) == say(backend, PLAIN)
