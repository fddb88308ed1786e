"""Whether a GGUF file has heads for multi-token prediction that are to be loaded.

The library's graphs end the process where a tensor is missing, and files that were stripped of
the heads still name them. So the header is looked at before the library is asked for them.
"""

import mmap
import re
from pathlib import Path
from typing import NamedTuple

from velocity_local.core.models import LoadOptions


class _Kind(NamedTuple):
    """An architecture's graph of heads: the tensors it must have, and a key it does not take."""

    has_states: bool
    tensors: tuple[bytes, ...] = ()
    refused: bytes | None = None


_LATENT_TENSORS = (b".attn_q_a.weight", b".attn_k_b.weight", b".ffn_gate_shexp.weight")
# Architectures with a tiny model among the tests. The library has graphs for some more.
_ARCHITECTURES = {
    b"deepseek2": _Kind(
        has_states=False,
        tensors=_LATENT_TENSORS,
        refused=b"deepseek2.attention.temperature_scale",
    ),
    b"glm4moe": _Kind(has_states=False),
    b"qwen35": _Kind(has_states=True),
    b"qwen35moe": _Kind(has_states=True),
}
# A key, the type of its value (uint32) and the value; one block is what the graphs take.
_ONE_BLOCK = re.compile(
    b"(" + b"|".join(_ARCHITECTURES) + rb")\.nextn_predict_layers\x04\0\0\0\x01\0\0\0"
)
_TENSORS = (b".nextn.eh_proj.weight", b".nextn.enorm.weight", b".nextn.hnorm.weight")
_PART = re.compile(r"-\d{5}-of-(\d{5})\.gguf$")
# Keys of the architecture come before the vocabulary, tensors behind it.
_KEYS_WITHIN = 1 << 20
_TENSORS_WITHIN = 64 << 20


def wants_heads(path: str, options: LoadOptions) -> bool:
    """Whether there are heads, and they are asked for or cost little.

    Where there are recurrent states, checking guesses takes several times their memory. False as
    well for files that cannot be read: loading tells why.
    """
    if options.speculation == "off" or options.heads == "off":
        return False
    try:
        kind = _with_heads(Path(path))
        if kind is None or (kind.has_states and options.heads != "on"):
            return False
        return any(_has(part, (*_TENSORS, *kind.tensors)) for part in _parts(path))
    except (OSError, ValueError):
        return False


def _with_heads(path: Path) -> _Kind | None:
    """The kind of model, if the file says that there are heads."""
    with path.open("rb") as file:
        keys = file.read(_KEYS_WITHIN)
    found = _ONE_BLOCK.search(keys)
    if found is None:
        return None
    kind = _ARCHITECTURES[found[1]]
    return None if kind.refused is not None and kind.refused in keys else kind


def _has(path: Path, tensors: tuple[bytes, ...]) -> bool:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as bytes_:
        return all(bytes_.find(name, 0, _TENSORS_WITHIN) >= 0 for name in tensors)


def _parts(path: str) -> list[Path]:
    """All files of the model: heads are in the last one, where there are several."""
    found = _PART.search(path)
    if found is None:
        return [Path(path)]
    count = found[1]
    names = (f"{path[: found.start()]}-{i:05}-of-{count}.gguf" for i in range(int(count), 0, -1))
    return [part for name in names if (part := Path(name)).is_file()]
