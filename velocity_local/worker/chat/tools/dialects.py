"""The dialects known: modules of this package, by the names that `models/families` calls them."""

from importlib import import_module
from typing import cast

from velocity_local.worker.chat.tools.parser import Dialect

_NAMES = (
    "apertus",
    "command_a",
    "command_r",
    "deepseek",
    "deepseek_v31",
    "deepseek_v32",
    "deepseek_v4",
    "firefunction",
    "function_gemma",
    "functionary_v31",
    "functionary_v32",
    "gemma",
    "gigachat",
    "gigachat_v31",
    "glm",
    "granite",
    "harmony",
    "hermes",
    "hunyuan",
    "kimi",
    "kimi_k3",
    "lfm2",
    "llama_json",
    "minicpm",
    "minimax",
    "minimax_m1",
    "minimax_m3",
    "mistral",
    "mistral_named",
    "muse",
    "nemotron",
    "phi4",
    "pythonic",
    "qwen_coder",
    "seed",
    "solar",
    "tool_calls_list",
    "yandexgpt",
)


def _module(name: str) -> Dialect:
    return cast("Dialect", import_module(f"{__package__}.{name}"))


DIALECTS: dict[str, Dialect] = {name: _module(name) for name in _NAMES}
