"""The library's messages: to our log, and kept for the moment when it only says no."""

import atexit
import ctypes
import logging
import re
from collections import deque
from typing import Any

_logger = logging.getLogger("velocity_local.llama_cpp")
# Numbers of ggml_log_level in ggml.h; a load alone says a hundred lines of INFO
_DEBUG, _INFO, _WARN, _ERROR, _CONTINUED = range(1, 6)
_LEVELS = {_WARN: logging.INFO, _ERROR: logging.WARNING}
_BUFFER_SIZE = re.compile(r"(\w+) buffer size\s*=\s*([0-9.]+) MiB")
_errors: deque[str] = deque(maxlen=6)
_buffers_mib: dict[str, float] = {}


def route(lib: Any) -> None:
    """Send what the library says to `logging`, for as long as the process lives."""
    callback = lib.llama_log_callback(_on_message)
    lib.llama_log_set(callback, None)
    silent = lib.llama_log_callback(_ignore)
    # At exit the library still talks while it is torn down, and Python must not be called.
    atexit.register(lib.llama_log_set, silent, None)
    _keep_alive.extend((callback, silent))


_keep_alive: list[Any] = []


def last_errors() -> str:
    """The latest error lines, oldest first; they are forgotten by this."""
    text = "; ".join(_errors) or "no reason given"
    _errors.clear()
    return text


def take_buffer_bytes() -> dict[str, int]:
    """Bytes of the buffers reported since the last call, by kind (model, KV, compute ...)."""
    sizes = {kind: int(mib * 2**20) for kind, mib in _buffers_mib.items()}
    _buffers_mib.clear()
    return sizes


def _on_message(level: int, text: bytes, _data: ctypes.c_void_p) -> None:
    if level == _CONTINUED:
        return
    message = text.decode("utf-8", "replace").strip()
    if level == _ERROR and message:
        _errors.append(message)
    for kind, mib in _BUFFER_SIZE.findall(message):
        _buffers_mib[kind] = _buffers_mib.get(kind, 0.0) + float(mib)
    _logger.log(_LEVELS.get(level, logging.DEBUG), "%s", message)


def _ignore(_level: int, _text: bytes, _data: ctypes.c_void_p) -> None:
    return
