"""Refuses, one by one, the sequences for which the library would refuse a whole batch."""

from velocity_local.core.errors import ContextOverflow, InvalidRequest
from velocity_local.worker.engine.backend import Capabilities
from velocity_local.worker.engine.sequence import SequenceSpec


def check(spec: SequenceSpec, capabilities: Capabilities) -> None:
    """Check a sequence against the model.

    Raises:
        ContextOverflow: if the prompt leaves no room for a token.
        InvalidRequest: if there is no prompt, or a token is none of the vocabulary.
    """
    n_prompt, n_ctx = len(spec.prompt), capabilities.n_ctx
    if n_prompt == 0:
        raise InvalidRequest("the prompt has no tokens; send at least one", param="prompt")
    if n_prompt >= n_ctx or n_prompt + len(spec.emitted) > n_ctx:
        raise ContextOverflow(
            f"the prompt is {n_prompt} tokens; the model holds {n_ctx}, the answer included; "
            "shorten it or load the model with a larger n_ctx",
            details={"n_prompt_tokens": n_prompt, "n_ctx": n_ctx},
        )
    for tokens in (spec.prompt, spec.emitted):
        _check_tokens(tokens, capabilities.n_vocab)


def _check_tokens(tokens: tuple[int, ...], n_vocab: int) -> None:
    lowest, highest = min(tokens, default=0), max(tokens, default=0)
    if lowest < 0 or highest >= n_vocab:
        wrong = lowest if lowest < 0 else highest
        raise InvalidRequest(
            f"token {wrong} is outside the vocabulary; ids are from 0 to {n_vocab - 1}",
            param="prompt",
        )
