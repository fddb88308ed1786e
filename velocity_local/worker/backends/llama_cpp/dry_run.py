"""Asks the library what a load would take, without taking it (`no_alloc` in llama.h)."""

from velocity_local.core.models import Buffers, LoadOptions
from velocity_local.worker.backends.llama_cpp import log, native
from velocity_local.worker.backends.llama_cpp.heads import heads_options, own_bytes
from velocity_local.worker.backends.llama_cpp.heads_file import wants_heads
from velocity_local.worker.backends.llama_cpp.opening import open_context


def weigh(path: str, options: LoadOptions) -> Buffers:
    """The buffers of a load with these options. Recurrent states are really allocated.

    Raises:
        BackendError: with the library's own reason.
    """
    native.start()
    with_heads = wants_heads(path, options)
    model = native.open_model(path, options, with_heads=with_heads, is_dry=True)
    try:
        facts = native.model_facts(model)
        opened = open_context(model, facts, options, native.AbortFlag())
        if with_heads:
            own = heads_options(opened.options)
            native.close_context(native.open_context(model, own, native.AbortFlag()))
        buffers = log.take_buffers(weights_bytes=native.weights_bytes(model))
        native.close_context(opened.context)
        return buffers.with_host_bytes(own_bytes(facts, opened.options)) if with_heads else buffers
    finally:
        native.close_model(model)
