"""How a model is loaded: default < tuned < file < environment < flag < alias, and which it was."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from velocity_local.config.load import Origin
from velocity_local.config.settings import EngineSettings
from velocity_local.core.models import LoadOptions, ModelEntry
from velocity_local.core.tuning import QUALITY_KEYS, SPEED_KEYS, TunedValues, TuneKey, Value
from velocity_local.daemon.fleet.client import load_options
from velocity_local.wire.http.tuning import OptionItem

OPTIONS = (
    "n_ctx",
    "n_seq_max",
    "n_batch",
    "n_threads",
    "n_gpu_layers",
    "kv_type",
    "flash_attention",
    "speculation",
    "heads",
)
_DEFAULT: Origin = "default"


class Found(Protocol):
    """Something that was measured."""

    @property
    def values(self) -> TunedValues: ...


class Measured(Protocol):
    """Where measured values are kept."""

    def find(self, fingerprint: str) -> Found | None: ...


class LoadPolicy:
    """Puts together settings and measured values. What somebody has set, no measurement changes."""

    def __init__(
        self, engine: EngineSettings, origins: Mapping[str, Origin], measured: Measured
    ) -> None:
        self._engine = engine
        self._origins = origins
        self._measured = measured

    def options(self, entry: ModelEntry) -> LoadOptions:
        """How this model is to be loaded."""
        found = self._tuned(entry) | _aliased(entry)
        return msgspec.structs.replace(self.untuned(entry), **found, pass_ms=self._pass_ms(entry))

    def untuned(self, entry: ModelEntry) -> LoadOptions:
        """How it would be loaded if nothing had been measured."""
        return load_options(self._engine, entry)

    def effective(self, entry: ModelEntry) -> tuple[OptionItem, ...]:
        """Every option with its value and where that comes from."""
        options = self.options(entry)
        origins: dict[str, str] = dict.fromkeys(self._tuned(entry), "tuned")
        if self._pass_ms(entry) and self._origin("speculation") == _DEFAULT:
            origins["speculation"] = "tuned"  # the choice begins with what was measured
        origins |= dict.fromkeys(_aliased(entry), "alias")
        return tuple(
            OptionItem(
                key=key,
                value=getattr(options, key),
                origin=origins.get(key) or self._origin(key),
                setting=f"engine.{key}",
            )
            for key in OPTIONS
        )

    def tunable(self, *, with_quality: bool) -> tuple[tuple[TuneKey, ...], tuple[TuneKey, ...]]:
        """Options that a measurement may choose, and those that somebody has set already."""
        wanted = (*SPEED_KEYS, *(QUALITY_KEYS if with_quality else ()))
        free = tuple(key for key in wanted if self._origin(key) == _DEFAULT)
        return free, tuple(key for key in wanted if key not in free)

    def _origin(self, key: str) -> Origin:
        return self._origins.get(f"engine.{key}", _DEFAULT)

    def _tuned(self, entry: ModelEntry) -> dict[str, Value]:
        found = self._measured.find(entry.fingerprint)
        if found is None:
            return {}
        given = found.values.given()
        return {key: value for key, value in given.items() if self._origin(key) == _DEFAULT}

    def _pass_ms(self, entry: ModelEntry) -> tuple[tuple[int, float], ...]:
        found = self._measured.find(entry.fingerprint)
        return () if found is None else found.values.pass_ms


def _aliased(entry: ModelEntry) -> dict[str, Value]:
    return {} if entry.alias is None else entry.alias.options()
