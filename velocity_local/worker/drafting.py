"""Loads the small model that guesses for another, and refuses one that speaks otherwise."""

import msgspec

from velocity_local.core.errors import ModelFailed
from velocity_local.core.models import LoadedModel, LoadOptions
from velocity_local.worker.backends import registry
from velocity_local.worker.engine.backend import Backend, BackendError, Tokenizer, Truncation

# Vocabularies of one family are filled up to round sizes; the tokens that count are the same.
MAX_SIZE_DIFFERENCE = 256
# Comparing every token of two large vocabularies would take a second of loading.
_COMPARED_TOKENS = 8192


def load_draft(backend: Backend, options: LoadOptions) -> Backend | None:
    """The draft model that the options name, if there is one and guesses are made at all.

    Raises:
        ModelFailed: if it cannot be loaded, or its vocabulary is not that of `backend`.
    """
    capabilities = backend.capabilities
    can_guess = capabilities.can_generate and capabilities.most_guesses > 0
    if options.draft_path is None or options.speculation == "off" or not can_guess:
        return None
    path = options.draft_path
    own = msgspec.structs.replace(
        options,
        draft_path=None,
        gpu_split=(),
        speculation="off",
        heads="off",
        n_ctx=capabilities.n_cells,
        n_seq_max=capabilities.n_seq_max,
    )
    try:
        draft = registry.load(path, own)
    except BackendError as error:
        raise ModelFailed(f"the draft model cannot be loaded: {error}") from error
    problem = _unfit(backend, draft)
    if problem is not None:
        draft.close()
        raise ModelFailed(f"{path} cannot draft for this model: {problem}; use one of its family")
    return draft


def with_draft(loaded: LoadedModel, draft: Backend | None) -> LoadedModel:
    """What was loaded, the draft model's memory included."""
    if draft is None:
        return loaded
    memory_bytes = loaded.memory_bytes + draft.loaded.memory_bytes
    return msgspec.structs.replace(loaded, memory_bytes=memory_bytes)


def _unfit(backend: Backend, draft: Backend) -> str | None:
    if not draft.capabilities.can_generate:
        return "it does not generate"
    if draft.capabilities.truncation is not Truncation.ANYWHERE:
        return "its cells cannot be cut, so that wrong guesses could not be taken back"
    return _difference(backend.tokenizer, draft.tokenizer)


def _difference(large: Tokenizer, small: Tokenizer) -> str | None:
    """How two vocabularies differ, if they do."""
    sizes = large.n_vocab, small.n_vocab
    if abs(sizes[0] - sizes[1]) > MAX_SIZE_DIFFERENCE:
        return f"it has {sizes[1]} tokens, and the other {sizes[0]}"
    n_shared = min(sizes)
    for token in range(0, n_shared, max(1, n_shared // _COMPARED_TOKENS)):
        if large.piece_special(token) != small.piece_special(token):
            mine, other = small.piece_special(token), large.piece_special(token)
            return f"its token {token} is {mine!r}, and the other's {other!r}"
        if large.is_end(token) != small.is_end(token):
            return f"its token {token} ends a text in one of them only"
    return None
