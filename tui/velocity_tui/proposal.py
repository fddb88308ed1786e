"""Which model to begin with on this machine, and why. Decides from values, asks nobody."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from velocity_local.core.fit import Verdict
from velocity_local.core.search import Found, FoundVariant
from velocity_local.core.units import count, size
from velocity_local.wire.http.admin import SystemAnswer

_PLACES: tuple[Verdict, ...] = ("gpu", "cpu", "partly on gpu")
"""Best first: one that hangs over into the host's memory is slower than a small one on it."""
_PROCESSOR_BYTES = 5_000_000_000
"""A processor reads all weights for each token: with more it answers slower than one reads."""
_SPARE_DISK = 1.2
_WHERE: dict[Verdict, str] = {
    "gpu": "runs wholly on the graphics card",
    "cpu": "runs on the processor",
    "partly on gpu": "runs in part on the graphics card",
}


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to fetch, and what speaks for it."""

    pull: str
    name: str
    size_bytes: int
    reasons: tuple[str, ...]


def propose(items: Sequence[Found], disk_free_bytes: int | None) -> Proposal | None:
    """The largest model of the list that runs well here; None if none does.

    Of a model the smallest quantization on the list counts: more parameters at four bits know more
    than fewer at eight.
    """
    able = [pair for found in items for pair in _able(found, disk_free_bytes)]
    if not able:
        return None
    found, variant = min(able, key=_rank)
    return Proposal(
        variant.pull,
        f"{found.name or found.repository} {variant.quantization}",
        variant.size_bytes,
        tuple(_reasons(found, variant)),
    )


def machine(system: SystemAnswer) -> str:
    """What it was found to have, on one line."""
    parts = [system.cpu.name or system.machine, f"{size(system.memory.total_bytes)} memory"]
    parts += [
        f"{gpu.name} with {size(gpu.memory_total_bytes)}" if gpu.memory_total_bytes else gpu.name
        for gpu in system.gpus
    ]
    if not system.gpus:
        parts.append(f"no graphics card ({system.gpu_reason or 'none was found'})")
    return " · ".join(parts)


def _able(found: Found, disk_free_bytes: int | None) -> Iterator[tuple[Found, FoundVariant]]:
    if found.is_gated or found.source != "catalogue":
        return
    for variant in sorted(found.variants, key=lambda each: each.size_bytes):
        is_quick = variant.verdict != "cpu" or variant.size_bytes <= _PROCESSOR_BYTES
        has_room = disk_free_bytes is None or variant.size_bytes * _SPARE_DISK <= disk_free_bytes
        if variant.verdict in _PLACES and is_quick and has_room:
            yield found, variant
            return


def _rank(pair: tuple[Found, FoundVariant]) -> tuple[int, int]:
    found, variant = pair
    return _PLACES.index(variant.verdict), -found.parameters


def _reasons(found: Found, variant: FoundVariant) -> Iterator[str]:
    yield f"It {_WHERE[variant.verdict]}: {variant.reason}"
    yield "No larger chat model on the list that is shipped runs as well here."
    about = "about " if variant.is_estimate else ""
    yield (
        f"{count(found.parameters)} parameters, {about}{size(variant.size_bytes)} to fetch, "
        f"reads up to {found.context_length:,} tokens, licence {found.licence}."
    )
