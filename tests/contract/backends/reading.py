"""What a backend makes of tokens: prompts for any vocabulary, and the greedy way on."""

from collections.abc import Sequence

from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.engine.backend import Backend, Forward, Sampled, SampleRow, Span
from velocity_local.worker.engine.radix import common_length

# Twice the largest difference seen between F16 logits of the same text in different passes
TIE = 0.02
GREEDY = SamplingParams(temperature=0, ignore_eos=True)
TEXT = "the old king had three sons and a red dog, and one day they all went to the sea. "


def prompt(backend: Backend, n_tokens: int, *, start: int = 0) -> list[int]:
    """Tokens of a text, taken from `start` on; different starts give different prompts."""
    tokens = backend.tokenizer.encode(TEXT * 8, add_special=False, parse_special=False)
    assert len(tokens) >= start + n_tokens
    return tokens[start : start + n_tokens]


def feed(backend: Backend, sequence: int, tokens: Sequence[int]) -> None:
    """Compute tokens at the end of a sequence, in batches, with logits for the last one."""
    n_batch = backend.capabilities.n_batch
    for at in range(0, len(tokens), n_batch):
        chunk = list(tokens[at : at + n_batch])
        span = Span(sequence, backend.length(sequence), chunk, at + n_batch >= len(tokens))
        assert backend.forward([span]) is Forward.DONE


def next_token(
    backend: Backend, history: Sequence[int], *, span: int = 0, top: int | None = None
) -> Sampled:
    """The greedy token after a span just computed, whose sequence holds `history`."""
    sampler = backend.sampler(GREEDY, history)
    (sampled,) = backend.sample([SampleRow(span, sampler, top)])
    assert isinstance(sampled, Sampled)
    sampler.close()
    return sampled


def go_on(backend: Backend, sequence: int, history: Sequence[int], n_tokens: int) -> list[int]:
    """Greedy tokens after a sequence that holds all of `history` but the last token."""
    tokens = list(history)
    for _ in range(n_tokens):
        feed(backend, sequence, tokens[-1:])
        tokens.append(next_token(backend, tokens).token)
    return tokens[len(history) :]


def read_alone(backend: Backend, sequence: int, history: Sequence[int], n: int) -> list[int]:
    """Greedy tokens after `history`, computed from nothing in an empty sequence."""
    feed(backend, sequence, history[:-1])
    return go_on(backend, sequence, history, n)


def assert_same(
    backend: Backend, prompt: Sequence[int], got: list[int], expected: list[int]
) -> None:
    """Equal greedy texts, or texts that part at a tie.

    How many rows a pass has changes the last bits of logits, on every machine in another way.
    The sequences of the backend are cleared if they have to be looked into.
    """
    if got == expected:
        return
    at = common_length(got, expected)
    history = [*prompt, *expected[:at]]
    for sequence in range(backend.capabilities.n_seq_max):
        backend.clear(sequence)
    feed(backend, 0, history)
    logprobs = dict(next_token(backend, history, top=backend.capabilities.n_vocab).top)
    gap = abs(logprobs[got[at]] - logprobs[expected[at]])
    assert gap < TIE, f"texts part at {at}, where the gap is {gap:.4f}: {got} {expected}"
