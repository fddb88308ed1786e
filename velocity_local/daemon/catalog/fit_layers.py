"""What each layer of a model keeps for the tokens it has seen, read from the GGUF header.

The rules are those of llama.cpp: `src/llama-hparams.cpp` (widths and states), `src/models/*`
(which layers have a window or a state), `llama_model::create_memory`.
"""

import math
from collections.abc import Mapping
from typing import NamedTuple

from velocity_local.daemon.catalog.cursor import GgufError
from velocity_local.daemon.catalog.facts import MAX_CONTEXT, MAX_LAYERS
from velocity_local.daemon.catalog.gguf import Header, Value

MAX_WIDTH = 2**24
# Every n-th layer sees all tokens, the others a window; True: the first of each n does. Others
# have a window only if their header lists the layers.
_WINDOWS: dict[str, tuple[int, bool]] = {
    "afmoe": (4, False),
    "cohere2": (4, False),
    "cohere2moe": (4, True),
    "exaone-moe": (4, False),
    "exaone4": (4, False),
    "gemma2": (2, False),
    "gemma3": (6, False),
    "gemma3n": (5, False),
    "gpt-oss": (2, False),
    "laguna": (4, True),
    "llama4": (4, False),
    "mellum": (4, False),
    "muse-glimmer": (4, False),
    "olmo2": (4, False),
    "plamo3": (8, False),
    "smallthinker": (4, True),
}
_WINDOWS_BY_DEFAULT = {"gemma2": 4096, "llama4": 8192}
_FIXED_WINDOWS = {"llama4": 8192, "smallthinker": 4096}
_WINDOWED_ONLY_WITH_LAYERS = {"exaone4": 64}
_WITHOUT_CACHE = {
    "bert",
    "dream",
    "eurobert",
    "gemma-embedding",
    "jina-bert-v2",
    "jina-bert-v3",
    "llada",
    "llada-moe",
    "modern-bert",
    "neo-bert",
    "nomic-bert",
    "nomic-bert-moe",
    "rnd1",
    "wavtokenizer-dec",
}
_RECURRENT = {"arwkv7", "mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7"}
# Hybrids: a layer without KV heads has a state ...
_STATE_WITHOUT_HEADS = {
    "bailingmoe3",
    "granitehybrid",
    "jamba",
    "kimi-k3",
    "kimi-linear",
    "lfm2",
    "lfm2moe",
    "plamo2",
}
_STATE_WITHOUT_HEADS_AND_FEED_FORWARD = {"nemotron_h", "nemotron_h_moe"}
# ... or every layer but each n-th one.
_STATE_INTERVAL = {"minimax-01": 8, "qwen35": 4, "qwen35moe": 4, "qwen3next": 4}
_STATE_EVERYWHERE = {"falcon-h1"}
# As the worker's `heads_file`: blocks for further tokens that are made use of.
_WITH_HEADS = {"deepseek2", "glm4moe", "qwen35", "qwen35moe"}
_KV_SHARED_FROM = {"gemma3n": 20}


class Layer(NamedTuple):
    """Numbers kept: of key and value for each token, and f32 of state for each sequence."""

    key: int
    value: int
    state: int
    is_windowed: bool


class Layers(NamedTuple):
    """`window` is 0 without one. `doubt` says why the rest may be wrong; empty if all is known.
    `head_width` divides the width of every key and value of a head. `mtp` is what a block for
    further tokens keeps for each token.
    """

    layers: tuple[Layer, ...]
    window: int
    doubt: str
    head_width: int = 0
    mtp: int = 0


def read_layers(header: Header) -> Layers:
    """What the model's layers keep.

    Raises:
        GgufError: if a value is of the wrong type or absurd.
    """
    values = _Values(header.values, str(header.values.get("general.architecture", "")))
    if values.architecture in _WITHOUT_CACHE:
        return Layers((), 0, "")
    count = values.number("block_count", at_most=MAX_LAYERS)
    # Layers that only predict further tokens keep nothing in the model's own context.
    n_heads = min(values.number("nextn_predict_layers", at_most=MAX_LAYERS), count)
    count -= n_heads
    window = _window(values)
    windowed = _windowed(values, count) if window else (False,) * count
    has_state, has_cache = _states(values, count)
    keys, kept = _widths(values, count, windowed)
    state = _state_width(values)
    shared_from = _shared_from(values, count)
    layers = tuple(
        Layer(
            keys[i] if has_cache[i] and i < shared_from else 0,
            kept[i] if has_cache[i] and i < shared_from else 0,
            state if has_state[i] else 0,
            windowed[i],
        )
        for i in range(count)
    )
    is_read = n_heads == 1 and values.architecture in _WITH_HEADS
    mtp = max((layer.key + layer.value for layer in layers), default=0) if is_read else 0
    return Layers(layers, window, _doubt(values), math.gcd(*_head_widths(values)), mtp)


def whole_number(header: Header, name: str, *, at_most: int = MAX_WIDTH) -> int:
    """A value below the architecture's name, the largest of a list; 0 without one.

    Raises:
        GgufError: if it is of the wrong type or absurd.
    """
    values = _Values(header.values, str(header.values.get("general.architecture", "")))
    if values.is_list(name):
        return max(values.per_layer(name, 0, 0), default=0)
    return values.number(name, at_most=at_most)


class _Values:
    """A header's values below the architecture's name, checked."""

    def __init__(self, values: Mapping[str, Value], architecture: str) -> None:
        self._values = values
        self.architecture = architecture

    def has(self, name: str) -> bool:
        return f"{self.architecture}.{name}" in self._values

    def is_list(self, name: str) -> bool:
        return isinstance(self._values.get(f"{self.architecture}.{name}"), tuple)

    def number(self, name: str, default: int = 0, *, at_most: int = MAX_WIDTH) -> int:
        value = self._values.get(f"{self.architecture}.{name}", default)
        if not isinstance(value, int) or not 0 <= value <= at_most:
            raise GgufError(0, f"{self.architecture}.{name} is no number from 0 to {at_most}")
        return int(value)

    def per_layer(self, name: str, default: int, count: int) -> tuple[int, ...]:
        """One number for each layer; a single one stands for all."""
        value = self._values.get(f"{self.architecture}.{name}", default)
        if not isinstance(value, tuple):
            return (self.number(name, default),) * count
        numbers = tuple(int(n) for n in value if isinstance(n, int) and 0 <= n <= MAX_WIDTH)
        if len(numbers) != len(value) or len(numbers) < count:
            raise GgufError(0, f"{self.architecture}.{name} is not a list of {count} numbers")
        return numbers


def _window(values: _Values) -> int:
    default = _WINDOWS_BY_DEFAULT.get(values.architecture, 0)
    window = values.number("attention.sliding_window", default, at_most=MAX_CONTEXT)
    return _FIXED_WINDOWS.get(values.architecture, window) if window else 0


def _windowed(values: _Values, count: int) -> tuple[bool, ...]:
    period, dense_first = _WINDOWS.get(values.architecture, (1, False))
    pattern = values.per_layer("attention.sliding_window_pattern", period, count)
    if _WINDOWED_ONLY_WITH_LAYERS.get(values.architecture, count) != count:
        return (False,) * count
    if values.architecture not in _WINDOWS or values.is_list("attention.sliding_window_pattern"):
        return _told_windowed(values, pattern, count)
    period = pattern[0] if pattern else 0
    if not period:
        return (True,) * count
    if dense_first:
        return tuple(i % period != 0 for i in range(count))
    return tuple(i % period < period - 1 for i in range(count))


def _told_windowed(values: _Values, pattern: tuple[int, ...], count: int) -> tuple[bool, ...]:
    """As the header's own list says; without one, no layer is known to have the window."""
    if not values.is_list("attention.sliding_window_pattern"):
        return (False,) * count
    return tuple(bool(pattern[i]) for i in range(count))


def _states(values: _Values, count: int) -> tuple[tuple[bool, ...], tuple[bool, ...]]:
    """Which layers have a state, and which a cache."""
    name = values.architecture
    everywhere, nowhere = (True,) * count, (False,) * count
    if name in _RECURRENT:
        return everywhere, nowhere
    if name in _STATE_EVERYWHERE:
        return everywhere, everywhere
    heads = _kv_heads(values, count)
    has_heads = tuple(number > 0 for number in heads[:count])
    if name in _STATE_WITHOUT_HEADS:
        return tuple(not has for has in has_heads), has_heads
    if name in _STATE_WITHOUT_HEADS_AND_FEED_FORWARD:
        forward = values.per_layer("feed_forward_length", 0, count)
        pairs = tuple(zip(has_heads, forward, strict=False))
        return tuple(not h and not f for h, f in pairs), tuple(h and not f for h, f in pairs)
    if name in _STATE_INTERVAL:
        told = (
            values.per_layer("attention.recurrent_layers", -1, count)
            if values.has("attention.recurrent_layers")
            else ()
        )
        every = values.number("full_attention_interval", _STATE_INTERVAL[name]) or 1
        states = tuple(bool(told[i]) if told else (i + 1) % every != 0 for i in range(count))
        return states, tuple(not has for has in states)
    return nowhere, has_heads


def _kv_heads(values: _Values, count: int) -> tuple[int, ...]:
    if values.has("attention.head_count_kv"):
        return values.per_layer("attention.head_count_kv", 0, count)
    return values.per_layer("attention.head_count", 0, count)


def _widths(
    values: _Values, count: int, windowed: tuple[bool, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    key, value, windowed_key, windowed_value = _head_widths(values)
    kv_heads = _kv_heads(values, count)
    pairs = tuple(zip(kv_heads, windowed, strict=False))
    return (
        tuple(n * (windowed_key if is_windowed else key) for n, is_windowed in pairs),
        tuple(n * (windowed_value if is_windowed else value) for n, is_windowed in pairs),
    )


def _head_widths(values: _Values) -> tuple[int, int, int, int]:
    """Numbers of a head's key and value, and of those in layers with a window."""
    heads = values.per_layer("attention.head_count", 0, 1)[0]
    width = values.number("embedding_length") // heads if heads else 0
    key = values.number("attention.key_length", width)
    value = values.number("attention.value_length", width)
    if values.number("attention.key_length_mla") and values.number("attention.value_length_mla"):
        value = 0  # the values are a part of the compressed keys
    windowed_key = values.number("attention.key_length_swa", key)
    return key, value, windowed_key, values.number("attention.value_length_swa", value)


def _state_width(values: _Values) -> int:
    """Numbers that a recurrent layer keeps for a sequence: convolution and state."""
    width = values.number("embedding_length")
    if head := values.number("wkv.head_size"):
        return values.number("token_shift_count", 2) * width + width * head
    if length := values.number("shortconv.l_cache"):
        return width * (length - 1)
    heads = values.per_layer("attention.head_count", 0, 1)[0]
    convolution = values.number("ssm.conv_kernel")
    if head := values.number("kda.head_dim"):
        taps = convolution - 1 if convolution else 3
        return 3 * taps * heads * head + head * head * heads
    if values.architecture == "minimax-01":
        head = values.number("attention.key_length", width // max(heads, 1))
        return head * head * heads
    inner, state = values.number("ssm.inner_size"), values.number("ssm.state_size")
    groups = values.number("ssm.group_count")
    return max(convolution - 1, 0) * (inner + 2 * groups * state) + state * inner


def _shared_from(values: _Values, count: int) -> int:
    """From this layer on, layers use the cache of an earlier one."""
    shared = values.number("attention.shared_kv_layers", at_most=MAX_LAYERS)
    return min(_KV_SHARED_FROM.get(values.architecture, count), count - min(shared, count))


def _doubt(values: _Values) -> str:
    if values.number("attention.indexer.head_count") or values.architecture == "deepseek4":
        return "its sparse attention keeps an index that the header does not size"
    return ""
