"""The library's bindings, without the rest of their package: its chat formats, tokenizers and Jinja
would take a quarter of a small model's loading time, and nothing of it is used here.
"""

import re
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

_PACKAGE = "llama_cpp"
_VERSION = re.compile(r'^__version__ = "([^"]+)"', re.MULTILINE)


def _bindings() -> tuple[Any, Any, str]:
    """The library's functions, those of ggml, and the release.

    Raises:
        ImportError: if the package is not installed, or its library cannot be loaded.
    """
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise ImportError("llama-cpp-python is not installed")
    package = ModuleType(_PACKAGE)
    package.__path__ = list(spec.submodule_search_locations or ())
    whole = sys.modules.setdefault(_PACKAGE, package)
    try:
        from llama_cpp import _ggml, llama_cpp  # noqa: PLC0415 - into the package made here
    finally:
        if whole is package:
            del sys.modules[_PACKAGE]  # whoever wants the whole package gets it
    release = _VERSION.search(Path(spec.origin).read_text(encoding="utf-8"))
    return llama_cpp, _ggml.libggml, release[1] if release else "unknown"


lib, ggml, RELEASE = _bindings()
