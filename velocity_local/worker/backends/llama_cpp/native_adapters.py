"""The library's functions for LoRA adapters, each wrapped once: a part of `native`."""

import ctypes
import os

from velocity_local.worker.backends.llama_cpp import log
from velocity_local.worker.backends.llama_cpp.vendor import lib
from velocity_local.worker.engine.backend import BackendError


def load_adapter(model: int, path: str) -> int:
    """A LoRA adapter of the model; it must be freed before the model is."""
    adapter = lib.llama_adapter_lora_init(model, os.fsencode(path))
    if not adapter:
        raise BackendError(f"cannot load the adapter {path}: {log.last_errors()}")
    return ctypes.cast(adapter, ctypes.c_void_p).value or 0


def free_adapter(adapter: int) -> None:
    lib.llama_adapter_lora_free(ctypes.cast(adapter, lib.llama_adapter_lora_p_ctypes))


def set_adapter(context: int, adapter: tuple[int, float] | None) -> None:
    """Compute with this (adapter, scale) and no other; None: with the model alone."""
    n_adapters = 0 if adapter is None else 1
    handles = (lib.llama_adapter_lora_p_ctypes * 1)()
    scales = (ctypes.c_float * 1)()
    if adapter is not None:
        handles[0] = ctypes.cast(adapter[0], lib.llama_adapter_lora_p_ctypes)
        scales[0] = adapter[1]
    code = lib.llama_set_adapters_lora(context, handles, n_adapters, scales)
    if code:
        raise BackendError(f"llama_set_adapters_lora answered {code}: {log.last_errors()}")
