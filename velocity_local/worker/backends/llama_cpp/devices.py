"""The library's devices, and how a model's layers are divided among them."""

import ctypes
from collections.abc import Sequence
from typing import Any

from velocity_local.worker.backends.llama_cpp.vendor import ggml, lib

# ggml-backend.h: GGML_BACKEND_DEVICE_TYPE_GPU and _IGPU
_GPU_TYPES = {1, 2}


def gpus() -> list[str]:
    """Descriptions of graphics processors, in the library's order."""
    found = []
    ggml.ggml_backend_dev_get.restype = ctypes.c_void_p
    ggml.ggml_backend_dev_description.restype = ctypes.c_char_p
    for i in range(ggml.ggml_backend_dev_count()):
        handle = ctypes.c_void_p(ggml.ggml_backend_dev_get(ctypes.c_size_t(i)))
        if ggml.ggml_backend_dev_type(handle) in _GPU_TYPES:
            text = ggml.ggml_backend_dev_description(handle).decode("utf-8", "replace")
            found.append(str(text))
    return found


def first() -> str:
    """Of the first GPU, or `cpu` if the library has none."""
    return next(iter(gpus()), "cpu")


def split(layers: Sequence[int]) -> Any:
    """As `split_over`, for the devices that there are."""
    return split_over(layers, n_devices=len(gpus()), capacity=lib.llama_max_devices())


def split_over(layers: Sequence[int], *, n_devices: int, capacity: int) -> Any:
    """The proportions that the library makes these numbers of layers of, as it takes them; None
    if they are not for these devices. Its rule: `load_tensors` in llama-model.cpp.
    """
    if len(layers) < 2 or len(layers) != n_devices or n_devices > capacity:
        return None
    return (ctypes.c_float * capacity)(*map(float, layers))
