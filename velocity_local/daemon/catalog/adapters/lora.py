"""Whether an adapter's file is sound and made for a model: all from the headers of both.

llama.cpp compares only some of the sizes, ends the process over wrong types of keys and over sizes
that do not fit in a multiplication, and passes over tensors that it does not apply in silence
(`llama-adapter.cpp`, and `build_lora_mm` and `build_inp_embd` in `llama-graph.cpp`). So everything
is looked at here, before it sees the file.
"""

import math
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from velocity_local.core.errors import InvalidAdapter
from velocity_local.daemon.catalog.gguf import Header, Tensor

MAX_RANK = 4096
EMBEDDING, OUTPUT = "token_embd.weight", "output.weight"
_A, _B = ".lora_a", ".lora_b"
_TYPES = ("F32", "F16", "BF16", "Q8_0")
_STRING, _FLOAT32 = 8, 6
_ALPHA = "adapter.lora.alpha"
_INVOCATION = "adapter.alora.invocation_tokens"
_KINDS = {
    "general.type": _STRING,
    "general.architecture": _STRING,
    "adapter.type": _STRING,
    _ALPHA: _FLOAT32,
}
# Weights that the library reads by other ways than `build_lora_mm`, so that it would pass over a
# change of theirs in silence (llama.cpp as of llama-cpp-python 0.3.36, src/models)
_UNAPPLIED = re.compile(
    r"norm|conv1d|shortconv\.conv|rope_freqs|ssm_(a|beta|[fg](_[ab])?)(\.weight)?$"
    r"|^(position_embd|token_types|per_layer_token_embd|altup_|nextn_)"
    r"|attn_(q_a|q_b|k_b|v_b|kv_b|kv_a_mqa)\.|indexer|altup_|time_mix_([a-z]\d|decay|lerp|first)"
)
# Models whose graphs multiply all of attention and output directly
_DIRECT_ARCHITECTURES = frozenset(
    {
        "bailingmoe3",
        "deepseek2",
        "deepseek2-ocr",
        "deepseek32",
        "deepseek4",
        "dots3note",
        "glm-dsa",
        "glm5-next",
        "graniteswitch",
        "hy_v4",
        "kimi-k3",
        "kimi-linear",
        "minicpm3",
        "mistral4",
        "plm",
    }
)
_DIRECT = re.compile(r"^output\.|\.attn_")

Shape = tuple[int, ...]


class LoraFacts(NamedTuple):
    """`rank` is the largest of any pair; `tensors` counts both of each pair."""

    rank: int
    tensors: int


class _Pair(NamedTuple):
    a: Tensor
    b: Tensor


def check(adapter: Header, base: Iterable[Header]) -> LoraFacts:
    """What the adapter is, if it fits the model whose files have the headers `base`.

    Raises:
        InvalidAdapter: saying what does not fit.
    """
    headers = list(base)
    architecture = str(headers[0].values.get("general.architecture"))
    _check_keys(adapter, architecture)
    weights = {
        tensor.name.decode(errors="replace"): tensor.shape
        for header in headers
        for tensor in header.tensors
    }
    pairs = _pairs(adapter.tensors)
    for name, pair in pairs.items():
        _check_applied(name, architecture)
        _check_pair(name, pair, weights)
    return LoraFacts(max(_rank(pair) for pair in pairs.values()), 2 * len(pairs))


def _check_keys(header: Header, architecture: str) -> None:
    for key, kind in _KINDS.items():
        if header.kinds.get(key, kind) != kind:
            raise InvalidAdapter(f"its {key} has another type than an adapter's")
    values = header.values
    if values.get("general.type") != "adapter" or values.get("adapter.type") != "lora":
        raise InvalidAdapter("it is no LoRA adapter: its general.type or adapter.type is missing")
    made_for = values.get("general.architecture")
    if made_for != architecture:
        raise InvalidAdapter(
            f"it is made for the architecture {str(made_for)[:40]!r}; the model is {architecture!r}"
        )
    alpha = values.get(_ALPHA, 0.0)
    if not isinstance(alpha, float) or not math.isfinite(alpha):
        raise InvalidAdapter(f"its {_ALPHA} is {alpha!r}; a finite number expected")
    if _INVOCATION in header.kinds:
        raise InvalidAdapter("it begins only after certain tokens (aLoRA), which is not supported")


def _pairs(tensors: Iterable[Tensor]) -> dict[str, _Pair]:
    halves: dict[str, dict[str, Tensor]] = {}
    for tensor in tensors:
        name = tensor.name.decode(errors="replace")
        end = name[-len(_A) :]
        if end not in {_A, _B}:
            raise InvalidAdapter(
                f"it changes {name!r} by other means than a pair of matrices; export it again "
                "without"
            )
        if tensor.type_name not in _TYPES:
            raise InvalidAdapter(
                f"{name!r} is in {tensor.type_name}; convert it to one of {', '.join(_TYPES)}"
            )
        halves.setdefault(name.removesuffix(end), {})[end] = tensor
    if not halves:
        raise InvalidAdapter("it has no tensors")
    for name, found in halves.items():
        if len(found) != 2:
            raise InvalidAdapter(f"{name!r} has only one of its two matrices")
    return {name: _Pair(found[_A], found[_B]) for name, found in halves.items()}


def _check_applied(name: str, architecture: str) -> None:
    is_direct = architecture in _DIRECT_ARCHITECTURES and _DIRECT.search(name)
    if is_direct or _UNAPPLIED.search(name):
        raise InvalidAdapter(
            f"it changes {name!r}, to which the engine applies no adapter in this architecture; "
            "merge it into the model instead"
        )


def _check_pair(name: str, pair: _Pair, weights: Mapping[str, Shape]) -> None:
    weight = weights.get(name)
    if weight is None:
        raise InvalidAdapter(f"it changes {name!r}, which the model does not have")
    if len(weight) < 2:
        raise InvalidAdapter(f"it changes {name!r}, to which no adapter is applied")
    rank, experts = _rank(pair), weight[2:]
    if not 1 <= rank <= MAX_RANK:
        raise InvalidAdapter(f"{name!r} is changed by rank {rank}; from 1 to {MAX_RANK} are known")
    if name == EMBEDDING:
        _check_embedding(pair, weight, is_tied=OUTPUT not in weights)
        return
    _expect(name + _A, pair.a, (weight[0], rank, *experts))
    _expect(name + _B, pair.b, (rank, weight[1], *experts))


def _check_embedding(pair: _Pair, weight: Shape, *, is_tied: bool) -> None:
    """Rows are looked up in `a`, so the two change roles."""
    if is_tied:
        raise InvalidAdapter(
            f"it changes {EMBEDDING!r}, which is the model's output as well; only one of the two "
            "can be changed"
        )
    rank = _size(pair.a.shape, 0)
    _expect(EMBEDDING + _A, pair.a, (rank, weight[1]))
    _expect(EMBEDDING + _B, pair.b, (rank, weight[0]))


def _expect(name: str, tensor: Tensor, shape: Shape) -> None:
    if _padded(tensor.shape) != _padded(shape):
        raise InvalidAdapter(
            f"{name!r} is {_shown(tensor.shape)}; this model needs {_shown(shape)}: it is made "
            "for another one"
        )


def _rank(pair: _Pair) -> int:
    """As the library takes it: the length of the rows of `b`."""
    return _size(pair.b.shape, 0)


def _size(shape: Shape, axis: int) -> int:
    return shape[axis] if axis < len(shape) else 1


def _padded(shape: Shape) -> Shape:
    """Trailing sizes of 1 are not always written."""
    return (*shape, *(1,) * (4 - len(shape)))


def _shown(shape: Shape) -> str:
    return " x ".join(map(str, shape)) or "a single number"
