"""The shipped list of models, `models/catalog.toml`: what to begin with, without a network."""

import tomllib
from functools import cached_property
from pathlib import Path

import msgspec

from velocity_local.core.search import Found, FoundVariant, Use
from velocity_local.daemon.catalog.fit import BITS_PER_WEIGHT

# Bits a weight that are not among those of quantizers' usual ladder.
_BITS = BITS_PER_WEIGHT | {"MXFP4": 4.63, "Q4_0": 4.66}


class CuratedModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry; `source` is where its facts were read."""

    name: str
    uses: tuple[Use, ...]
    repository: str
    quantizations: tuple[str, ...]
    parameters: int
    context_length: int
    licence: str
    family: str
    source: str


class CuratedList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`dated` is the day on which its entries were last looked over."""

    dated: str
    model: tuple[CuratedModel, ...]


class Curated:
    """The list, read when it is first asked for."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @cached_property
    def list(self) -> CuratedList:
        return msgspec.convert(tomllib.loads(self._path.read_text("utf-8")), CuratedList)

    def reference(self, text: str) -> str:
        """What `NAME` or `NAME:QUANT` stands for on the hub; other texts as they are."""
        name, mark, quantization = text.replace("@", ":", 1).partition(":")
        for model in self.list.model:
            if model.name == name.casefold():
                return f"{model.repository}:{quantization if mark else model.quantizations[0]}"
        return text

    def matching(self, text: str, use: Use | None) -> tuple[Found, ...]:
        """Entries with all words of `text` in their name, repository, family or uses."""
        words = text.casefold().split()
        return tuple(
            self._found(model)
            for model in self.list.model
            if (use is None or use in model.uses) and _has(model, words)
        )

    def _found(self, model: CuratedModel) -> Found:
        variants = tuple(
            FoundVariant(
                quantization,
                int(model.parameters * _BITS.get(quantization, 16.0) / 8),
                is_estimate=True,
                pull=f"{model.name}:{quantization}",
            )
            for quantization in model.quantizations
        )
        return Found(
            model.repository,
            "catalogue",
            "gguf",
            variants,
            name=model.name,
            uses=model.uses,
            family=model.family,
            licence=model.licence,
            parameters=model.parameters,
            context_length=model.context_length,
        )


def _has(model: CuratedModel, words: list[str]) -> bool:
    text = " ".join((model.name, model.repository, model.family, *model.uses)).casefold()
    return all(word in text for word in words)
