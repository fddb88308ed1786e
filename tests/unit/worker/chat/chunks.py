"""Texts cut at random places: what streams must not notice."""

from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st

few = settings(derandomize=True, max_examples=60, deadline=None)


@st.composite
def cut(draw: st.DrawFn, texts: st.SearchStrategy[str]) -> tuple[str, list[str]]:
    """A text, and the same text in pieces."""
    text = draw(texts)
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=8)))
    edges = [0, *places, len(text)]
    return text, [text[a:b] for a, b in pairwise(edges)]


def made_of(*parts: str) -> st.SearchStrategy[str]:
    """Texts put together from parts that matter and from single characters."""
    return st.lists(st.sampled_from([*parts, "a", " ", "\n", "<", "é"]), max_size=10).map("".join)
