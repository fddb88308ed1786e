"""Cells as bytes, and back. The bytes are trusted: what reads them from disk has proved them."""

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from velocity_local.worker.backends.mlx.cells import SequenceCells
from velocity_local.worker.backends.mlx.native import Array, mx
from velocity_local.worker.backends.mlx.rows import KvRows, RowLengths
from velocity_local.worker.engine.backend import BackendError, State

# Goes up when the bytes mean something else
FORMAT = 1


class _Packed(msgspec.Struct, frozen=True, array_like=True):
    """An array: its type's name, shape and bytes."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes


class _Saved(msgspec.Struct, frozen=True, array_like=True):
    """The cells from `start` to `end`, layer by layer: a tree in which numbers stand for arrays."""

    start: int
    end: int
    adapter: str
    layers: list[Any]
    arrays: list[_Packed]


_DECODER = msgspec.msgpack.Decoder(_Saved)


def save(cells: SequenceCells, sequence: int, start: int, end: int) -> State:
    """What a sequence holds from `start` to `end`.

    Raises:
        BackendError: if that is not all of it and the model saves all or none.
    """
    is_part = start > 0 or end < cells.length(sequence)
    if is_part and not cells.kinds.all_plain:
        raise BackendError("a part of a sequence: this model saves all or none")
    arrays: list[_Packed] = []
    layers = []
    for layer in cells.alone(sequence).layers if end else ():
        tree = layer.cells(0, start, end) if isinstance(layer, KvRows) else layer.state
        layers.append(_flat(tree, arrays))
    saved = _Saved(start, end, cells.adapter(sequence), layers, arrays)
    return memoryview(bytearray(msgspec.msgpack.encode(saved)))


def restore(cells: SequenceCells, sequence: int, state: State, start: int, length: int) -> bool:
    """Put saved cells from `start` to `length` behind those there; False, and nothing changed."""
    try:
        saved = _DECODER.decode(state)
    except msgspec.DecodeError:
        return False
    if not _fits(cells, sequence, saved, start, length):
        return False
    lengths = RowLengths([length])
    layers = cells.fresh_layers(lengths)
    there = cells.alone(sequence).layers if start else [None] * len(layers)
    wanted = slice(start - saved.start, length - saved.start)
    for i, layer in enumerate(layers):
        tree = _tree(saved.layers[i], saved.arrays)
        if isinstance(layer, KvRows):
            layer.put(*_extended(there[i], start, tree, wanted))
        else:
            layers[i] = type(layer).from_state(tree)
    mx.eval([layer.state for layer in layers])
    cells.clear(sequence)
    cells.place(sequence, layers, lengths, saved.adapter)
    return True


def _fits(cells: SequenceCells, sequence: int, saved: _Saved, start: int, length: int) -> bool:
    if not (saved.start <= start == cells.length(sequence) and length <= saved.end):
        return False
    if start and cells.adapter(sequence) != saved.adapter:
        return False
    is_all = length == saved.end
    return saved.end - saved.start <= cells.n_free and (is_all or cells.kinds.all_plain)


def _extended(
    there: KvRows | None, start: int, saved: Sequence[Array], wanted: slice
) -> list[Array]:
    """Keys and values that are there, and behind them the wanted ones of those saved."""
    parts = [array[:, :, wanted] for array in saved]
    if there is None:
        return parts
    pairs = zip(there.cells(0, 0, start), parts, strict=True)
    return [mx.concatenate(pair, axis=2) for pair in pairs]


def _flat(tree: Any, arrays: list[_Packed]) -> Any:
    """The tree with its arrays moved to the list."""
    if isinstance(tree, mx.array):
        arrays.append(_packed(tree))
        return {"array": len(arrays) - 1}
    if isinstance(tree, list | tuple):
        return [_flat(part, arrays) for part in tree]
    return tree


def _tree(flat: Any, arrays: Sequence[_Packed]) -> Any:
    if isinstance(flat, dict):
        return _unpacked(arrays[flat["array"]])
    if isinstance(flat, list):
        return [_tree(part, arrays) for part in flat]
    return flat


def _packed(array: Array) -> _Packed:
    raw = mx.contiguous(array).reshape(-1).view(mx.uint8)
    dtype = str(array.dtype).rpartition(".")[2]
    return _Packed(dtype, tuple(array.shape), np.array(raw, copy=False).tobytes())


def _unpacked(packed: _Packed) -> Array:
    raw = mx.array(np.frombuffer(packed.data, np.uint8))
    return raw.view(getattr(mx, packed.dtype)).reshape(packed.shape)
