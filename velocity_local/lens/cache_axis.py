"""Whether the server's cache was in the state that a run is about, by what the server says."""

from velocity_local.lens.results import CacheState

_MOST_COLD_SHARE = 0.5
_LEAST_WARM_SHARE = 0.5
_LEAST_SHARED_SHARE = 0.1


def contradiction(state: CacheState, n_prompt_tokens: int, n_cached_tokens: int) -> str | None:
    """Why the run's figures are not of that state; None if nothing speaks against it.

    The counts are of all requests for which the server told both. A template's own tokens are
    shared by all prompts, so a cold cache may hold a part of each.
    """
    if not n_prompt_tokens:
        return None
    share = n_cached_tokens / n_prompt_tokens
    told = f"the server had {share:.0%} of the prompts' tokens in its cache"
    if state is CacheState.COLD and share > _MOST_COLD_SHARE:
        return f"{told}: it was not cold"
    if state in (CacheState.WARM, CacheState.RESTORED) and share < _LEAST_WARM_SHARE:
        return f"{told}: it was not {state.value}"
    if state is CacheState.PREFIX_SHARED and share < _LEAST_SHARED_SHARE:
        return f"{told}: no prefix was shared"
    return None
