"""Which values are worth trying for each option. Pure; one row here adds an option."""

from collections.abc import Callable
from typing import NamedTuple

from velocity_local.core.fit import AUTOMATIC_KV_TYPE
from velocity_local.core.models import LoadOptions
from velocity_local.core.tuning import TuneKey, Value

BATCHES = (128, 256, 512, 1024, 2048)


class Machine(NamedTuple):
    """`n_threads` is what the engine took by itself for this model."""

    physical_cores: int
    logical_cores: int
    n_threads: int


def candidates(key: TuneKey, options: LoadOptions, machine: Machine, n_prompt: int) -> list[Value]:
    """Values to hold against the one in `options`, which is not among them."""
    values = _VALUES[key](options, machine, n_prompt)
    current = current_value(key, options, machine)
    return [value for value in dict.fromkeys(values) if value != current]


def current_value(key: TuneKey, options: LoadOptions, machine: Machine) -> Value:
    """The value in force, told as such where the engine decides."""
    value: Value = getattr(options, key)
    return _AUTOMATIC[key](machine) if value is None and key in _AUTOMATIC else value


def _threads(_options: LoadOptions, machine: Machine, _n_prompt: int) -> list[Value]:
    physical, logical = machine.physical_cores, machine.logical_cores
    counts = {1, physical // 2, physical - 1, physical, (physical + logical) // 2, logical}
    few = sorted((n for n in counts if n >= 1), reverse=True)
    return list(few if physical <= 4 else [n for n in few if n > 1])


def _batches(_options: LoadOptions, _machine: Machine, n_prompt: int) -> list[Value]:
    """A pass larger than the prompt that is measured would measure nothing."""
    return [n_batch for n_batch in BATCHES if n_batch <= n_prompt]


def _flash_attention(_options: LoadOptions, _machine: Machine, _n_prompt: int) -> list[Value]:
    return [True, False]


def _kv_types(options: LoadOptions, _machine: Machine, _n_prompt: int) -> list[Value]:
    """A quantized cache needs fused attention."""
    return ["f16", "q8_0"] if options.flash_attention is not False else ["f16"]


_AUTOMATIC: dict[TuneKey, Callable[[Machine], Value]] = {
    "n_threads": lambda machine: machine.n_threads,
    "kv_type": lambda _: AUTOMATIC_KV_TYPE,
}
# Speculation has none: it is decided while a model answers, and only its costs are measured.
_VALUES: dict[TuneKey, Callable[[LoadOptions, Machine, int], list[Value]]] = {
    "n_threads": _threads,
    "n_batch": _batches,
    "flash_attention": _flash_attention,
    "kv_type": _kv_types,
}
