"""Whether an adapter in safetensors is sound, from its header and the settings beside it.

That it fits its model only the engine can tell, whose names for layers are not those of the file;
it compares every matrix with its layer before it computes with any.
"""

import hashlib
import json
from pathlib import Path

from velocity_local.core.errors import InvalidAdapter
from velocity_local.core.lora_names import SETTINGS_NAME, half_of
from velocity_local.core.safetensors import SafetensorsHeader, read_header
from velocity_local.daemon.catalog.adapters.lora import MAX_RANK, LoraFacts
from velocity_local.daemon.catalog.files import open_plain
from velocity_local.daemon.catalog.sampled import joined_digest, sampled_digest

_SUFFIX = ".safetensors"
_MAX_SETTINGS_BYTES = 1024 * 1024


def inspect(path: Path) -> tuple[LoraFacts, str]:
    """What the adapter is, and a name for its content and settings.

    Raises:
        InvalidAdapter: saying what is wrong with it.
        SafetensorsError: if the file is no sound safetensors file.
        UnreadableFile: if one of its files is not a plain file.
    """
    if path.suffix != _SUFFIX:
        raise InvalidAdapter(f"adapters of models in MLX's format are {_SUFFIX} files")
    opened, state = open_plain(path)
    with opened:
        header = read_header(opened, state.st_size)
        digest = sampled_digest(opened, state.st_size, header.data_offset)
    settings = _settings(path.with_name(SETTINGS_NAME))
    return check(header), joined_digest([digest, hashlib.sha256(settings).hexdigest()])


def modified_ns(path: Path) -> int:
    """When weights or settings were changed last. Raises OSError."""
    files = [path, path.with_name(SETTINGS_NAME)] if path.suffix == _SUFFIX else [path]
    return max(file.stat().st_mtime_ns for file in files)


def check(header: SafetensorsHeader) -> LoraFacts:
    """Its pairs of matrices.

    Raises:
        InvalidAdapter: for anything but whole pairs that fit together.
    """
    ranks: dict[str, dict[str, int]] = {}
    for name, shape in header.shapes.items():
        half = half_of(name)
        if half is None or len(shape) != 2:
            raise InvalidAdapter(f"{name[:80]!r} is no half of a pair of matrices")
        inner = shape[1] if (half.letter == "a") != half.is_transposed else shape[0]
        ranks.setdefault(half.path, {})[half.letter] = inner
    for path, of_halves in ranks.items():
        _check_pair(path, of_halves)
    return LoraFacts(max(of["a"] for of in ranks.values()), len(header.shapes))


def _check_pair(path: str, ranks: dict[str, int]) -> None:
    if len(ranks) != 2:
        raise InvalidAdapter(f"{path[:80]!r} has only one of its two matrices")
    if ranks["a"] != ranks["b"]:
        raise InvalidAdapter(f"the matrices of {path[:80]!r} have ranks {ranks['a']}, {ranks['b']}")
    if not 1 <= ranks["a"] <= MAX_RANK:
        raise InvalidAdapter(f"{path[:80]!r} has rank {ranks['a']}; from 1 to {MAX_RANK} are known")


def _settings(path: Path) -> bytes:
    opened, state = open_plain(path)
    with opened:
        if state.st_size > _MAX_SETTINGS_BYTES:
            raise InvalidAdapter(f"its {path.name} is too large")
        settings = opened.read()
    try:
        sound = isinstance(json.loads(settings), dict)
    except (ValueError, RecursionError):
        sound = False
    if not sound:
        raise InvalidAdapter(f"its {path.name} is no sound JSON object")
    return settings
