"""From a checked folder to a model that computes: its class, its quantization, its weights."""

from typing import Any

from velocity_local.worker.backends.mlx import architectures, native
from velocity_local.worker.backends.mlx.folder import ModelFolder, Settings
from velocity_local.worker.backends.mlx.native import LIBRARY_ERRORS, Array, Model, mx, nn
from velocity_local.worker.engine.backend import BackendError, NoMemoryError

Weights = dict[str, Array]

# Modes that are told by bits and group size; their scales are bytes (mlx_lm/utils.py)
_BYTE_SCALED = {(4, 16): "nvfp4", (4, 32): "mxfp4", (8, 32): "mxfp8"}
# Legacy names of settings that the library packs itself
_PACKED = {
    "mxfp4": {"group_size": 32, "bits": 4, "mode": "mxfp4"},
    "mxfp8": {"group_size": 32, "bits": 8, "mode": "mxfp8"},
}


def load_model(folder: ModelFolder) -> Model:
    """Build the folder's model and read its weights.

    Raises:
        BackendError: naming what does not fit.
        NoMemoryError: if the memory for them cannot be had.
    """
    try:
        model = empty_model(folder.config)
        weights = _sanitized(model, _weights(folder))
        quantize(model, folder.config, weights)
        model.load_weights(list(weights.items()), strict=True)
        weights.clear()
        model.eval()
        mx.eval(model.parameters())
    except MemoryError as error:
        raise NoMemoryError(f"no memory for the weights of {folder.path.name}") from error
    except LIBRARY_ERRORS as error:
        raise BackendError(f"{folder.path.name} cannot be loaded: {_shortened(error)}") from error
    return model


def empty_model(config: Settings) -> Model:
    """The model of a config, with weights that nobody has computed yet."""
    module = native.architecture(architectures.name_of(config))
    return module.Model(module.ModelArgs.from_dict(config))


def quantize(model: Model, config: Settings, weights: Weights) -> None:
    """Give the layers that are stored packed the form they are stored in, each its own."""
    settings = _quantization(config)
    if settings is None:
        return

    def form(path: str, module: Any) -> bool | Settings:
        own = settings.get(path)
        if isinstance(own, bool | dict):
            return own
        if not hasattr(module, "to_quantized") or f"{path}.scales" not in weights:
            return False
        return _form_of(path, module, weights)

    nn.quantize(
        model,
        group_size=settings["group_size"],
        bits=settings["bits"],
        mode=settings.get("mode", "affine"),
        class_predicate=form,
    )


def _quantization(config: Settings) -> Settings | None:
    settings = config.get("quantization")
    if isinstance(settings, dict):
        return settings
    legacy = config.get("quantization_config")
    if not isinstance(legacy, dict):
        return None
    method = legacy.get("quant_method")
    if method not in _PACKED:
        raise BackendError(
            f"weights quantized by {str(method)[:40]!r} are not read; "
            "take a model that was converted for MLX"
        )
    return dict(_PACKED[method])


def _form_of(path: str, module: Any, weights: Weights) -> Settings:
    """How a weight was packed, by the shapes of its parts: mixed models differ by layer."""
    scales, packed = weights[f"{path}.scales"], weights[f"{path}.weight"]
    width = module.weight.shape[-1]
    group_size = width // scales.shape[-1]
    bits = packed.shape[-1] * 32 // width
    mode = "affine" if scales.dtype != mx.uint8 else _BYTE_SCALED.get((bits, group_size))
    if mode is None:
        raise BackendError(f"{path} has {bits} bits in groups of {group_size}: not known")
    return {"group_size": group_size, "bits": bits, "mode": mode}


def _weights(folder: ModelFolder) -> Weights:
    weights: Weights = {}
    for file in folder.weights:
        weights.update(mx.load(str(file)))
    return weights


def _sanitized(model: Model, weights: Weights) -> Weights:
    """As the architecture names and shapes them."""
    sanitized: Weights = model.sanitize(weights) if hasattr(model, "sanitize") else weights
    return sanitized


def _shortened(error: Exception) -> str:
    """The library lists every weight that is too much, or not there."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return text if len(text) <= 500 else f"{text[:500]}..."
