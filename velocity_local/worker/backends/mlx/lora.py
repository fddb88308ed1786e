"""LoRA adapters as safetensors, of mlx-lm's or of PEFT's making, and the layers they change.

Both have settings beside the weights: mlx-lm's tell a factor, PEFT's alpha, and the factor is
alpha / rank.
"""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from velocity_local.core.adapters import Adapter
from velocity_local.core.lora_names import SETTINGS_NAME, half_of
from velocity_local.core.safetensors import SafetensorsError, read_header
from velocity_local.worker.backends.mlx.folder import MAX_SETTINGS_BYTES, Settings
from velocity_local.worker.backends.mlx.native import LIBRARY_ERRORS, Array, Model, mx, nn
from velocity_local.worker.engine.backend import BackendError

MAX_RANK = 4096


class Delta(NamedTuple):
    """What is added to a layer's output: `scale * (x @ a @ b)`."""

    a: Array
    b: Array
    scale: float


Deltas = dict[str, Delta]


def read_adapter(model: Model, adapter: Adapter) -> Deltas:
    """The changes of each layer.

    Raises:
        BackendError: if the file is damaged, or was made for another model.
    """
    file = Path(adapter.path)
    try:
        with file.open("rb") as opened:
            read_header(opened, file.stat().st_size)
        settings = _settings(file.with_name(SETTINGS_NAME))
        weights = mx.load(str(file))
    except SafetensorsError as error:
        raise BackendError(f"adapter {file.name} is damaged: {error}") from error
    except OSError as error:
        raise BackendError(f"adapter {file} cannot be read: {error.strerror}") from error
    except LIBRARY_ERRORS as error:
        raise BackendError(f"adapter {file.name} cannot be read: {error}") from error
    deltas = {}
    for path, (a, b) in _pairs(weights).items():
        _check(model, path, a, b)
        deltas[path] = Delta(a, b, adapter.scale * _scale(settings, a.shape[1]))
    mx.eval(*[(delta.a, delta.b) for delta in deltas.values()])
    return deltas


class Adapted:
    """Layers of one model that can have something added."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._changed: list[Any] = []

    def set(self, deltas: Deltas) -> None:
        """Compute with these changes from now on, and with no others."""
        for layer in self._changed:
            _attach(layer, None)
        self._changed = [_layer(self._model, path) for path in deltas]
        for layer, delta in zip(self._changed, deltas.values(), strict=True):
            if type(layer) in _CLASSES:
                layer.__class__ = _CLASSES[type(layer)]
            _attach(layer, delta)


class AdaptedLinear(nn.Linear):  # type: ignore[misc]  # the library has no types
    """A layer with weights as they are, and perhaps a change."""

    def __call__(self, x: Array) -> Array:
        return _added(self, x, super().__call__(x))


class AdaptedQuantizedLinear(nn.QuantizedLinear):  # type: ignore[misc]  # the library has no types
    """The same with packed weights."""

    def __call__(self, x: Array) -> Array:
        return _added(self, x, super().__call__(x))


_CLASSES = {nn.Linear: AdaptedLinear, nn.QuantizedLinear: AdaptedQuantizedLinear}


def _attach(layer: Any, delta: Delta | None) -> None:
    """Beside the layer's parameters, which are those of the model."""
    object.__setattr__(layer, "delta_", delta)


def _added(layer: Any, x: Array, y: Array) -> Array:
    delta: Delta | None = layer.delta_
    if delta is None:
        return y
    return y + (delta.scale * ((x @ delta.a) @ delta.b)).astype(y.dtype)


def _settings(file: Path) -> Settings:
    if file.stat().st_size > MAX_SETTINGS_BYTES:
        raise BackendError(f"adapter: {file.name} is too large")
    try:
        settings = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BackendError(f"adapter: {file.name} is no sound JSON") from error
    if not isinstance(settings, dict):
        raise BackendError(f"adapter: {file.name} is no JSON object")
    kind = settings.get("fine_tune_type", "lora")
    if kind != "lora" or settings.get("use_dora"):
        raise BackendError(f"adapter: it is of the kind {str(kind)[:40]!r}; only LoRA is applied")
    return settings


def _scale(settings: Settings, rank: int) -> float:
    """The factor that was trained with."""
    own = settings.get("lora_parameters")
    scale: Any
    if isinstance(own, dict):
        scale = own.get("scale", 20.0)
    else:
        alpha = settings.get("lora_alpha", rank)
        root = math.sqrt(rank) if settings.get("use_rslora") else rank
        scale = alpha / root if isinstance(alpha, int | float) else None
    if not isinstance(scale, int | float) or not math.isfinite(scale):
        raise BackendError(f"adapter: its factor is {str(scale)[:40]!r}; a finite number expected")
    return float(scale)


def _pairs(weights: dict[str, Array]) -> dict[str, tuple[Array, Array]]:
    """Both halves of each layer, as (in, rank) and (rank, out)."""
    halves: dict[str, dict[str, Array]] = {}
    for name, weight in weights.items():
        half = half_of(name)
        if half is None or weight.ndim != 2:
            raise BackendError(f"adapter: {name[:80]!r} is no half of a pair of matrices")
        matrix = weight.T if half.is_transposed else weight
        halves.setdefault(half.path, {})[half.letter] = matrix
    if not halves:
        raise BackendError("adapter: it changes nothing")
    for path, found_halves in halves.items():
        if len(found_halves) != 2:
            raise BackendError(f"adapter: {path[:80]!r} has only one of its two matrices")
    return {path: (both["a"], both["b"]) for path, both in halves.items()}


def _check(model: Model, path: str, a: Array, b: Array) -> None:
    layer = _layer(model, path)
    if not isinstance(layer, nn.Linear | nn.QuantizedLinear):
        raise BackendError(f"adapter: {path[:80]!r} is no layer of this model that can be changed")
    n_out, n_in = layer.weight.shape
    if isinstance(layer, nn.QuantizedLinear):
        n_in = n_in * 32 // layer.bits
    if a.shape[0] != n_in or b.shape[1] != n_out or a.shape[1] != b.shape[0]:
        raise BackendError(
            f"adapter: {path!r} is {a.shape[0]} x {a.shape[1]} x {b.shape[1]}; this model needs "
            f"{n_in} to {n_out}: it was made for another one"
        )
    if not 1 <= a.shape[1] <= MAX_RANK:
        raise BackendError(f"adapter: {path!r} has rank {a.shape[1]}; from 1 to {MAX_RANK}")


def _layer(model: Model, path: str) -> Any:
    """The layer at a path of names and numbers; None if there is none. Looks at modules only."""
    return dict(model.named_modules()).get(path)
