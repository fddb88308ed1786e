"""Quantizes a GGUF file with llama.cpp's own quantizer."""

import ctypes
import os
from pathlib import Path

import llama_cpp

FILE_TYPES: dict[str, int] = {
    "Q4_K_M": llama_cpp.LLAMA_FTYPE_MOSTLY_Q4_K_M,
    "Q8_0": llama_cpp.LLAMA_FTYPE_MOSTLY_Q8_0,
}


def quantize(source: Path, target: Path, *, file_type: str) -> None:
    """Blocks until `target` is complete.

    Raises:
        RuntimeError: if the library refuses.
    """
    params = llama_cpp.llama_model_quantize_default_params()
    params.ftype = FILE_TYPES[file_type]
    params.nthread = os.cpu_count() or 1
    partial = target.with_name(target.name + ".partial")
    llama_cpp.llama_backend_init()
    status = llama_cpp.llama_model_quantize(
        os.fsencode(source), os.fsencode(partial), ctypes.byref(params)
    )
    if status != 0:
        raise RuntimeError(f"llama_model_quantize answered {status} for {source}")
    partial.replace(target)
