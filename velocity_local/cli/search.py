"""The verb search: models that could be fetched, and whether they fit here."""

from velocity_local.cli.call import Call
from velocity_local.cli.exits import Exit
from velocity_local.client import api
from velocity_local.core.search import Found, FoundVariant
from velocity_local.core.units import count, size

_SHOWN_VARIANTS = 6
_WORDS = {
    "gpu": "fits the GPU",
    "partly on gpu": "fits in part on the GPU",
    "cpu": "fits",
    "too large": "too large",
    "unknown": "not known",
}


def search(call: Call) -> int:
    """Models of the shipped list and of the hub, each with its quantizations."""
    args = call.args
    answer = api.search(
        call.connect(),
        text=args.text or "",
        use=args.use,
        format_="mlx" if args.mlx else "gguf",
        limit=args.limit,
        is_offline=args.offline,
    )
    if args.json:
        call.out.json("search/1", **{name: getattr(answer, name) for name in _FIELDS})
        return Exit.OK
    rows = [row for found in answer.items for row in _rows(found, is_all=args.all)]
    if rows:
        call.out.table(("PULL", "SIZE", "HERE", "PARAMETERS", "CONTEXT", "LICENCE"), rows)
    else:
        call.out.note("Nothing was found.")
    if answer.hub_error is not None:
        call.out.note(f"Only the list of {answer.dated} that is shipped: {answer.hub_error}")
    return Exit.OK if rows else Exit.NOT_FOUND


_FIELDS = ("items", "dated", "hub_error")


def _rows(found: Found, *, is_all: bool) -> list[tuple[str, ...]]:
    shown = found.variants if is_all else _usual(found.variants)
    return [_row(found, variant) for variant in shown]


def _usual(variants: tuple[FoundVariant, ...]) -> tuple[FoundVariant, ...]:
    """The largest that fit, for they lose least; some of those that do not if none does."""
    able = [variant for variant in variants if variant.verdict != "too large"]
    return tuple(able[-_SHOWN_VARIANTS:] or variants[:1])


def _row(found: Found, variant: FoundVariant) -> tuple[str, ...]:
    about = "about " if variant.is_estimate else ""
    return (
        variant.pull,
        about + size(variant.size_bytes),
        _WORDS[variant.verdict],
        count(found.parameters) if found.parameters else "",
        str(found.context_length or ""),
        found.licence + (" (terms to accept)" if found.is_gated else ""),
    )
