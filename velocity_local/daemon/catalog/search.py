"""Finds repositories: in the shipped list, and on the hub, whose answers are hostile data."""

import asyncio
from typing import Literal
from urllib.parse import quote, urlencode

import msgspec

from velocity_local.core.errors import HubError, ModelNotFound, VelocityError
from velocity_local.core.search import Found, FoundVariant, Use
from velocity_local.daemon.catalog.curated import Curated
from velocity_local.daemon.catalog.downloads.reference import is_repository
from velocity_local.daemon.catalog.downloads.variants import mlx_variant, variants
from velocity_local.daemon.catalog.fetch import Interrupted
from velocity_local.daemon.catalog.hub import Hub, Repository

Format = Literal["gguf", "mlx"]
MAX_ANSWERS = 50
_AT_ONCE = 4
_TEXT_CHARS = 80
_MAX_COUNT = 2**50
_EXPANDED = ("downloads", "gated", "gguf", "lastModified", "tags")
_PIPELINES: dict[str, str] = {
    "chat": "text-generation",
    "code": "text-generation",
    "reasoning": "text-generation",
    "vision": "image-text-to-text",
    "embeddings": "feature-extraction",
    "rerank": "text-ranking",
}


class _Gguf(msgspec.Struct):
    total: int = 0
    context_length: int = 0
    architecture: str = ""


class _Listed(msgspec.Struct, rename="camel"):
    id: str
    downloads: int = 0
    gated: bool | str = False
    last_modified: str = ""
    tags: tuple[str, ...] = ()
    gguf: _Gguf | None = None


_decoder = msgspec.json.Decoder(tuple[_Listed, ...])


class SearchResult(msgspec.Struct, frozen=True):
    """`hub_error` says why only the shipped list could be looked through."""

    items: tuple[Found, ...]
    dated: str
    hub_error: str | None = None


class Search:
    """Asks the shipped list first; the hub only if it may."""

    def __init__(self, hub: Hub, curated: Curated) -> None:
        self._hub = hub
        self._curated = curated
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def find(
        self, text: str, *, use: Use | None, format_: Format, limit: int, is_offline: bool
    ) -> SearchResult:
        """Up to `limit` repositories of each source, those most downloaded first."""
        known = self._curated.matching(text, use) if format_ == "gguf" else ()
        dated = self._curated.list.dated
        if is_offline:
            return SearchResult(known[:limit], dated)
        try:
            listed = await asyncio.to_thread(self._listed, text, use, format_, limit)
        except (HubError, ModelNotFound, Interrupted) as error:
            return SearchResult(known[:limit], dated, hub_error=str(error))
        names = {found.repository for found in known}
        asked = [self._looked_at(item, format_) for item in listed if item.id not in names]
        found = [item for item in await asyncio.gather(*asked) if item is not None]
        return SearchResult((*known[:limit], *found), dated)

    def _listed(
        self, text: str, use: Use | None, format_: Format, limit: int
    ) -> tuple[_Listed, ...]:
        pairs = [("search", text), ("filter", format_), ("sort", "downloads"), ("limit", limit)]
        pairs += [("pipeline_tag", _PIPELINES[use])] if use is not None else []
        pairs += [("expand[]", name) for name in _EXPANDED]
        data = self._hub.ask(f"/api/models?{urlencode(pairs, quote_via=quote)}", "the search")
        try:
            answer = _decoder.decode(data)
        except msgspec.DecodeError as error:
            raise HubError(f"the hub's answer to a search is not understood: {error}") from error
        return tuple(item for item in answer[:limit] if is_repository(item.id))

    async def _looked_at(self, item: _Listed, format_: Format) -> Found | None:
        """The repository with the sizes of its models; None if it has none that can be pulled."""
        try:
            async with self._slots:
                repository = await asyncio.to_thread(self._hub.repository, item.id)
        except (VelocityError, Interrupted):  # one that cannot be shown hides no others
            return None
        offered = _mlx(repository) if format_ == "mlx" else _gguf(repository)
        return _found(item, format_, offered) if offered else None


def _gguf(repository: Repository) -> tuple[FoundVariant, ...]:
    return tuple(
        FoundVariant(
            variant.quantization,
            variant.size_bytes,
            is_estimate=False,
            pull=_pull(repository.id, variant.quantization, variant.files[0]),
        )
        for variant in variants(repository)
        if variant.format == "gguf"
    )


def _mlx(repository: Repository) -> tuple[FoundVariant, ...]:
    found = mlx_variant(repository)
    if found is None:
        return ()
    size, pull = found.size_bytes, repository.id
    return (FoundVariant(found.quantization, size, is_estimate=False, pull=pull),)


def _pull(repository: str, quantization: str, file: str) -> str:
    return f"{repository}:{quantization}" if quantization else f"{repository}/{file}"


def _found(item: _Listed, format_: Format, offered: tuple[FoundVariant, ...]) -> Found:
    gguf = item.gguf or _Gguf()
    licences = [tag.removeprefix("license:") for tag in item.tags if tag.startswith("license:")]
    return Found(
        item.id,
        "hub",
        format_,
        offered,
        family=_shown(gguf.architecture),
        licence=_shown(licences[0]) if licences else "",
        parameters=_bounded(gguf.total),
        context_length=_bounded(gguf.context_length),
        downloads=_bounded(item.downloads),
        is_gated=bool(item.gated),
        updated=_shown(item.last_modified[:10]),
    )


def _shown(text: str) -> str:
    return "".join(char for char in text[:_TEXT_CHARS] if char.isprintable())


def _bounded(number: int) -> int:
    return min(max(number, 0), _MAX_COUNT)
