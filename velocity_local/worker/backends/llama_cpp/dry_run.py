"""Asks the library what a load would take, without taking it (`no_alloc` in llama.h)."""

from velocity_local.core.models import Buffers, LoadOptions
from velocity_local.worker.backends.llama_cpp import log, native
from velocity_local.worker.backends.llama_cpp.opening import open_context


def weigh(path: str, options: LoadOptions) -> Buffers:
    """The buffers of a load with these options. Recurrent states are really allocated.

    Raises:
        BackendError: with the library's own reason.
    """
    native.start()
    model = native.open_model(path, n_gpu_layers=options.n_gpu_layers, is_dry=True)
    try:
        opened = open_context(model, native.model_facts(model), options, native.AbortFlag())
        buffers = log.take_buffers(weights_bytes=native.weights_bytes(model))
        native.close_context(opened.context)
        return buffers
    finally:
        native.close_model(model)
