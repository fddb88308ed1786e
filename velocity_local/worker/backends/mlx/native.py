"""MLX and mlx-lm as the backend uses them: the one place that imports them.

mlx-lm's own package imports transformers, the hub's client and its server's parts, which takes
seconds and is not needed: only its model classes and caches are used, and `mlx_lm` is entered in
`sys.modules` as a bare package, so that they are found without running its `__init__`.
"""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import mlx.core as _mx
import mlx.nn as _nn

from velocity_local.worker.engine.backend import BackendError

# Arrays and modules have no types worth the name; what leaves this package has.
mx: Any = _mx
nn: Any = _nn
Array = Any
Model = Any
Cache = Any

# What the library raises over weights, shapes and settings that do not fit each other
LIBRARY_ERRORS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


def _enter_bare_package() -> Path:
    """Where mlx-lm's files are; importing parts of it no longer runs its `__init__`."""
    spec = importlib.util.find_spec("mlx_lm")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("mlx-lm is not installed; install velocity-local[mlx]")
    locations = list(spec.submodule_search_locations)
    if "mlx_lm" not in sys.modules:
        package = ModuleType("mlx_lm")
        package.__path__ = locations
        package.__spec__ = spec
        sys.modules["mlx_lm"] = package
    return Path(locations[0])


_MODELS = _enter_bare_package() / "models"
caches: Any = importlib.import_module("mlx_lm.models.cache")
switch_layers: Any = importlib.import_module("mlx_lm.models.switch_layers")
if not _mx.metal.is_available():
    # On a processor, compiling a fused operation runs a C++ compiler in a process of its own.
    _mx.disable_compile()


def has_architecture(name: str) -> bool:
    """Whether mlx-lm has a model of this name; `name` is part of no path that it could leave."""
    return (_MODELS / f"{name}.py").is_file()


def architecture(name: str) -> Any:
    """mlx-lm's module of one architecture, with `Model` and `ModelArgs`.

    Raises:
        BackendError: if it is none.
    """
    module = importlib.import_module(f"mlx_lm.models.{name}")
    if not hasattr(module, "Model") or not hasattr(module, "ModelArgs"):
        raise BackendError(f"{name} is no model architecture of this engine")
    return module


def use_device(*, gpu: bool) -> None:
    """Compute on the GPU if there is one and it is wanted."""
    _mx.set_default_device(_mx.gpu if gpu and has_gpu() else _mx.cpu)


def has_gpu() -> bool:
    return bool(_mx.metal.is_available() or _mx.cuda.is_available())


def device_name() -> str:
    """The device that is computed on, as shown to people."""
    if _mx.default_device() == _mx.cpu:
        return "cpu"
    name = _mx.device_info().get("device_name", "gpu")
    return f"metal ({name})" if _mx.metal.is_available() else f"cuda ({name})"


def n_bytes(tree: Any) -> int:
    """The bytes of all arrays in nested lists and dicts."""
    if isinstance(tree, dict):
        return sum(n_bytes(value) for value in tree.values())
    if isinstance(tree, list | tuple):
        return sum(n_bytes(value) for value in tree)
    return int(tree.nbytes) if isinstance(tree, _mx.array) else 0
