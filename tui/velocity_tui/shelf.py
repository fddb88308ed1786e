"""One list of what is here, what is recommended and what the hub has. No I/O."""

from collections.abc import Sequence
from dataclasses import dataclass

from velocity_local.core.fit import Verdict
from velocity_local.core.search import Found, FoundVariant
from velocity_local.wire.http.admin import ModelItem

BADGES: dict[Verdict, tuple[str, str]] = {
    "gpu": ("fits GPU", "$success"),
    "partly on gpu": ("part GPU", "$warning"),
    "cpu": ("fits", "$success"),
    "too large": ("too large", "$error"),
    "unknown": ("", ""),
}
"""A word and its colour."""


@dataclass(frozen=True, slots=True)
class Local:
    """A model that is here; `verdict` is "unknown" until somebody asked."""

    model: ModelItem
    verdict: Verdict = "unknown"

    @property
    def key(self) -> str:
        return self.model.id


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository that could be fetched from."""

    found: Found

    @property
    def key(self) -> str:
        return f"{self.found.source}:{self.found.repository}:{self.found.format}"

    @property
    def best(self) -> FoundVariant | None:
        """The finest that fits; else the smallest."""
        by_size = sorted(self.found.variants, key=lambda variant: variant.size_bytes)
        fitting = [variant for variant in by_size if variant.verdict in {"gpu", "cpu"}]
        return fitting[-1] if fitting else next(iter(by_size), None)


Entry = Local | Remote


def merged(
    models: Sequence[ModelItem],
    found: Sequence[Found],
    verdicts: dict[str, Verdict],
    *,
    text: str = "",
) -> dict[str, Entry]:
    """By key: what is here first, each repository once."""
    wanted = text.casefold()
    entries: dict[str, Entry] = {}
    for model in models:
        if wanted in f"{model.id} {model.name}".casefold():
            entries[model.id] = Local(model, verdicts.get(model.id, "unknown"))
    seen: set[tuple[str, str]] = set()
    for each in found:
        if (each.repository, each.format) not in seen:
            seen.add((each.repository, each.format))
            entry = Remote(each)
            entries[entry.key] = entry
    return entries
