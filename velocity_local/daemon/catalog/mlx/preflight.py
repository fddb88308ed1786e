"""Looks a folder in MLX's format over before any native code sees it, and names its content."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from velocity_local.core import safetensors
from velocity_local.core.unsound import UnsoundFile
from velocity_local.daemon.catalog.facts import ModelFacts
from velocity_local.daemon.catalog.files import UnreadableFile, open_plain
from velocity_local.daemon.catalog.inspected import Inspected
from velocity_local.daemon.catalog.mlx.config import (
    MAX_INDEX_BYTES,
    Config,
    MlxError,
    read_config,
    read_document,
    read_index,
)
from velocity_local.daemon.catalog.mlx.files import (
    CONFIG,
    DOCUMENTS,
    INDEX,
    POOLING,
    TOKENIZER,
    files_in,
    is_weights,
    name_in,
    unsafe_in,
)
from velocity_local.daemon.catalog.sampled import joined_digest, sampled_digest

MAX_SHARDS = 512
_CACHED_BYTES = 2
_FLOATS = {"BF16": "bf16", "F16": "f16", "F32": "f32"}
_PACKED_BITS = 32


class _Look(NamedTuple):
    """What one file told: its content's name, elements of each type, and its text if it is read."""

    name: str
    digest: str
    size_bytes: int
    modified_s: int
    types: dict[str, int]
    text: bytes = b""


def inspect_folder(folder: Path) -> Inspected:
    """The model in a folder.

    Raises:
        UnsoundFile: naming the file that is not sound.
        UnreadableFile: if one of its files is not a plain file, or is missing.
    """
    unsafe = unsafe_in(folder)
    if unsafe:
        raise UnreadableFile(f"{unsafe[:80]!r} holds code, and no model's folder may; remove it")
    files = {name_in(folder, path): path for path in files_in(folder)}
    return inspect_files(folder.name, files)


def inspect_files(model: str, files: Mapping[str, Path]) -> Inspected:
    """The model made of files that are to have these names in one folder; raises as above."""
    looks = [_look(name, path) for name, path in files.items()]
    named = {look.name: look for look in looks}
    _check_complete(named)
    config = read_config(named[CONFIG].text)
    types: Counter[str] = Counter()
    for look in looks:
        types.update(look.types)
    parameters = _parameters(types, config)
    return Inspected(
        _facts(model, config, types, parameters=parameters, named=named),
        joined_digest([look.digest for look in looks]),
        sum(look.size_bytes for look in looks),
        parameters,
        max(look.modified_s for look in looks),
        None,
    )


def _look(name: str, path: Path) -> _Look:
    file, state = open_plain(path)
    size_bytes, data_offset, text = state.st_size, 0, b""
    types: dict[str, int] = {}
    with file:
        try:
            if is_weights(name):
                header = safetensors.read_header(file, size_bytes)
                types, data_offset = dict(header.types), header.data_offset
            elif name in DOCUMENTS or name == INDEX:
                text = file.read(MAX_INDEX_BYTES + 1)
                _check_document(name, text)
                data_offset = len(text)
            digest = sampled_digest(file, size_bytes, data_offset)
        except UnsoundFile as error:
            raise UnsoundFile(error.offset, error.reason, file=name) from error
        except OSError as error:
            raise UnreadableFile(f"{name} cannot be read: {error.strerror}") from error
    return _Look(name, digest, size_bytes, int(state.st_mtime), types, text)


def _check_document(name: str, text: bytes) -> None:
    if name == CONFIG:
        read_config(text)
    elif name == INDEX:
        read_index(text)
    else:
        read_document(text)


def _check_complete(looks: dict[str, _Look]) -> None:
    """Everything that the loader would open is here, and has been looked at."""
    shards = {name for name in looks if is_weights(name)}
    if CONFIG not in looks or not shards:
        raise UnreadableFile(f"a folder in MLX's format needs {CONFIG} and model*.safetensors")
    if len(shards) > MAX_SHARDS:
        raise MlxError(0, f"{len(shards)} files of weights; at most {MAX_SHARDS}")
    if TOKENIZER not in looks:
        raise UnreadableFile(f"there is no {TOKENIZER} beside the weights")
    if INDEX in looks:
        missing = sorted(read_index(looks[INDEX].text) - shards)
        if missing:
            raise UnreadableFile(f"{missing[0][:80]!r}, which {INDEX} names, is not here")


def _has_template(looks: dict[str, _Look]) -> bool:
    if looks.keys() & {"chat_template.jinja", "chat_template.json"}:
        return True
    settings = looks.get("tokenizer_config.json")
    return settings is not None and "chat_template" in read_document(settings.text)


def _parameters(types: Counter[str], config: Config) -> int:
    """How many weights the elements are: quantized ones are packed, with scales beside them."""
    if not config.bits:
        return sum(types.values())
    packed = types["U32"] * _PACKED_BITS // config.bits
    scales = packed // config.group_size if config.group_size else 0
    floats = sum(types[name] for name in _FLOATS)
    beside = 2 * scales if config.mode == "affine" else 0
    return packed + max(floats - beside, 0)


def _facts(
    name: str,
    config: Config,
    types: Counter[str],
    *,
    parameters: int,
    named: dict[str, _Look],
) -> ModelFacts:
    return ModelFacts(
        architecture=config.model_type,
        name=name,
        quantization=_quantization(config, types),
        parameters=parameters,
        context_length=config.context_length,
        licence="",
        has_chat_template=_has_template(named),
        is_embedding=POOLING in named,
        kv_bytes_per_token=2 * config.layers * config.kv_heads * config.head_width * _CACHED_BYTES,
        split_count=0,
        is_model=True,
    )


def _quantization(config: Config, types: Counter[str]) -> str:
    if config.bits:
        return f"{config.bits}bit" if config.mode == "affine" else config.mode
    floats: Sequence[str] = [name for name in _FLOATS if types[name]]
    return _FLOATS[max(floats, key=lambda name: types[name])] if floats else ""
