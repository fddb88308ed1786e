"""What keeping an idle model saves: the seconds it would take to have it back as it is, for each
byte it holds, less the longer nobody wants it. Pure.

The rule is that of caches whose entries differ in size and cost (GreedyDual-Size; P. Cao and
S. Irani, 1997), with a half-life in place of its ageing counter.
"""

from typing import NamedTuple

# A model unused for this long is worth half.
HALF_LIFE_S = 600.0
# Prompts are computed in batches: a token of one costs about this share of a decoding step.
PROMPT_TOKEN_STEPS = 0.125
# Reading a file and starting a process, for a model whose load was not measured.
LOAD_BYTES_PER_S = 500_000_000
START_S = 0.5


class Keep(NamedTuple):
    """What is known of an idle model. `load_s` is None before its first load is measured."""

    size_bytes: int
    idle_s: float
    load_s: float | None = None
    used_cells: int = 0
    step_s: float = 0.0


def worth(keep: Keep) -> float:
    """Seconds saved for each GiB; the smallest goes first."""
    recency: float = 0.5 ** (max(keep.idle_s, 0.0) / HALF_LIFE_S)
    return cost_s(keep) * recency / (max(keep.size_bytes, 1) / 2**30)


def cost_s(keep: Keep) -> float:
    """Seconds to load it again and to compute the prompts in its cache again."""
    load_s = keep.load_s
    if load_s is None:
        load_s = START_S + keep.size_bytes / LOAD_BYTES_PER_S
    return load_s + keep.used_cells * keep.step_s * PROMPT_TOKEN_STEPS


def reason(keep: Keep) -> str:
    """Why it could be spared, in words."""
    cached = f", {keep.used_cells} tokens in its cache" if keep.used_cells else ""
    return (
        f"{keep.size_bytes / 2**20:.0f} MiB, unused for {keep.idle_s:.0f} s, "
        f"about {cost_s(keep):.1f} s to have it back{cached}"
    )
