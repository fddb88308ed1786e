"""The likeliest tokens are found whatever the logits look like."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from velocity_local.worker.sampling.ranking import top_tokens

SIZES = st.sampled_from((1, 7, 1023, 1024, 1025, 4_000, 10_240))
# few different values, so that there are ties, and the infinities that a mask leaves
VALUES = st.sampled_from((-np.inf, -3.5, 0.0, 0.25, 4.0, np.inf))


@given(st.data(), SIZES, st.integers(0, 2**32 - 1), st.booleans())
def test_the_likeliest_are_listed_with_all_ties(
    data: st.DataObject, size: int, seed: int, has_ties: bool
) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.standard_normal(size).astype(np.float32)
    if has_ties:
        logits = rng.choice(np.array(data.draw(st.lists(VALUES, min_size=1))), size)
        logits = logits.astype(np.float32)
    k = data.draw(st.integers(1, size))
    assert top_tokens(logits, k) == np.argsort(-logits, kind="stable")[:k].tolist()


def test_no_token_is_asked_for() -> None:
    assert top_tokens(np.zeros(8, np.float32), 0) == []
