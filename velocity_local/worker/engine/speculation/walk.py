"""Checks a draft against what the sampler really chooses, position by position."""

from collections.abc import Callable, Sequence

from velocity_local.worker.engine.backend import Sampled, Sampler, Span, Unsampled

Run = list[Sampled | Unsampled]


def walk(
    sampler: Sampler, draft: Sequence[int], sample: Callable[[int], Sampled | Unsampled]
) -> Run:
    """Sample at position 0, 1, ... as long as the draft's token is what comes out.

    So the sampler has seen exactly the tokens that are taken, each chosen as it would have been
    without a draft. It ends where the answer is complete: nothing may follow.
    """
    run: Run = []
    for i in range(len(draft) + 1):
        outcome = sample(i)
        run.append(outcome)
        if isinstance(outcome, Unsampled) or sampler.is_complete:
            break
        if i < len(draft) and outcome.token != draft[i]:
            break
    return run


def drafted(span: Span) -> Sequence[int]:
    """The guesses at the end of a span."""
    return span.tokens[len(span.tokens) - span.n_drafted :]
