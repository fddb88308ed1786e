"""The library's messages: to our log, and kept for the moment when it only says no."""

import atexit
import ctypes
import logging
import re
from collections import deque
from collections.abc import Callable
from typing import Any

from velocity_local.core.models import Buffers

_logger = logging.getLogger("velocity_local.llama_cpp")
# Numbers of ggml_log_level in ggml.h; a load alone says a hundred lines of INFO
_DEBUG, _INFO, _WARN, _ERROR, _CONTINUED = range(1, 6)
_LEVELS = {_WARN: logging.INFO, _ERROR: logging.WARNING}
_BUFFER_SIZE = re.compile(r"(\S+)\s+(?:\S+ \S+ )?(\w+) buffer size\s*=\s*([0-9.]+) MiB")
_CACHE_SIZE = re.compile(r"^llama_kv_cache\w*: size =\s*([0-9.]+) MiB \(")
_CELLS, _STATES, _COMPUTE = {"KV"}, {"RS", "state"}, {"compute", "output"}
_MIB = 2**20
_errors: deque[str] = deque(maxlen=6)
_buffers_mib: dict[tuple[str, str], float] = {}
_caches_mib: list[float] = []
_observers: list[Callable[[str], None]] = []


def route(lib: Any) -> None:
    """Send what the library says to `logging`, for as long as the process lives."""
    callback = lib.llama_log_callback(_on_message)
    lib.llama_log_set(callback, None)
    silent = lib.llama_log_callback(_ignore)
    # At exit the library still talks while it is torn down, and Python must not be called.
    atexit.register(lib.llama_log_set, silent, None)
    _keep_alive.extend((callback, silent))


_keep_alive: list[Any] = []


def observe(observer: Callable[[str], None]) -> None:
    """Hand every message to `observer` too, for as long as the process lives."""
    _observers.append(observer)


def last_errors() -> str:
    """The latest error lines, oldest first; they are forgotten by this."""
    text = "; ".join(_errors) or "no reason given"
    _errors.clear()
    return text


def forget_buffers() -> None:
    """What is reported from now on belongs to the next context."""
    _buffers_mib.clear()
    _caches_mib.clear()


def take_buffers(*, weights_bytes: int) -> Buffers:
    """Sizes of the context reported since `forget_buffers`.

    Caches are told twice, as buffers and in words; without memory only the words have numbers.
    """
    reported = {key: int(mib * _MIB) for key, mib in _buffers_mib.items()}
    cells = sum(size for (_, kind), size in reported.items() if kind in _CELLS)
    states = sum(size for (_, kind), size in reported.items() if kind in _STATES)
    others = {key: size for key, size in reported.items() if key[1] in _COMPUTE}
    by_device: dict[str, int] = {}
    for (device, _), size in others.items():
        by_device[device] = by_device.get(device, 0) + size
    kv_bytes = max(cells, int(sum(_caches_mib) * _MIB)) + states
    forget_buffers()
    return Buffers(weights_bytes, kv_bytes, sum(by_device.values()), by_device)


def _on_message(level: int, text: bytes, _data: ctypes.c_void_p) -> None:
    if level == _CONTINUED:
        return
    message = text.decode("utf-8", "replace").strip()
    if level == _ERROR and message:
        _errors.append(message)
    for device, kind, mib in _BUFFER_SIZE.findall(message):
        _buffers_mib[device, kind] = _buffers_mib.get((device, kind), 0.0) + float(mib)
    if cache := _CACHE_SIZE.match(message):
        _caches_mib.append(float(cache[1]))
    for observer in _observers:
        observer(message)
    _logger.log(_LEVELS.get(level, logging.DEBUG), "%s", message)


def _ignore(_level: int, _text: bytes, _data: ctypes.c_void_p) -> None:
    return
