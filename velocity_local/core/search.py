"""Models that could be fetched, from the shipped list and from the hub."""

from typing import Literal

import msgspec

from velocity_local.core.fit import Verdict

Use = Literal["chat", "code", "reasoning", "vision", "embeddings", "rerank"]
Source = Literal["catalogue", "hub"]


class FoundVariant(msgspec.Struct, frozen=True):
    """One quantization, and whether it would fit here.

    `is_estimate` if the size is computed from the number of parameters and not told by the hub.
    `pull` is what to ask for.
    """

    quantization: str
    size_bytes: int
    is_estimate: bool
    pull: str
    verdict: Verdict = "unknown"
    reason: str = ""


class Found(msgspec.Struct, frozen=True):
    """A repository. What its source does not tell is empty, 0 or None.

    `name` is its name in the shipped list, which can be pulled too. `is_gated` means that its
    terms have to be accepted on the hub first.
    """

    repository: str
    source: Source
    format: Literal["gguf", "mlx"]
    variants: tuple[FoundVariant, ...]
    name: str = ""
    uses: tuple[Use, ...] = ()
    family: str = ""
    licence: str = ""
    parameters: int = 0
    context_length: int = 0
    downloads: int | None = None
    is_gated: bool = False
    updated: str = ""
