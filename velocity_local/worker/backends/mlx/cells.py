"""The cells of all sequences: alone, or as rows of a batch that is computed at once.

A batch stays as it is from step to step, and is put together anew when other sequences are to be
computed together. Attention layers are `rows.KvRows`; sliding windows and recurrent states are
mlx-lm's own caches, which know how to be merged, filtered and taken apart.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

from velocity_local.worker.backends.mlx.native import Cache, caches, mx
from velocity_local.worker.backends.mlx.rows import KvRows, RowLengths, stacked
from velocity_local.worker.engine.backend import BackendError, Truncation

MakeCaches = Callable[[], list[Cache]]


class Batch:
    """Caches of all layers for some sequences, one row each; a row of None is nobody's."""

    def __init__(self, members: Sequence[int], layers: list[Cache], lengths: RowLengths) -> None:
        self.members: list[int | None] = list(members)
        self.layers = layers
        self.lengths = lengths

    @property
    def living(self) -> set[int]:
        return {member for member in self.members if member is not None}

    def advance(self, counts: Sequence[int]) -> None:
        """Each row holds so many cells more."""
        pairs = zip(self.lengths.values, counts, strict=True)
        self.lengths.set([length + n for length, n in pairs])

    def arrays(self) -> list[Any]:
        """What is to be computed so that the cells are there."""
        return [layer.state for layer in self.layers]


class Kinds:
    """What the layers' caches allow, as a fresh set of them tells."""

    def __init__(self, fresh: Sequence[Cache]) -> None:
        self.is_plain = [type(cache) is caches.KVCache for cache in fresh]
        self.all_plain = all(self.is_plain)
        self.can_batch = all(hasattr(cache, "merge") for cache in fresh)
        self.truncation = self._truncation(fresh)

    def _truncation(self, fresh: Sequence[Cache]) -> Truncation:
        if self.all_plain:
            return Truncation.ANYWHERE
        if all(cache.is_trimmable() for cache in fresh):
            return Truncation.WITHIN_WINDOW
        return Truncation.NEVER


class SequenceCells:
    """Sequences by id, from 0 to `n_seq_max` - 1, with `n_cells` cells for all of them."""

    def __init__(self, make: MakeCaches, *, n_seq_max: int, n_cells: int) -> None:
        self._make = make
        self.kinds = Kinds(make())
        self._n_seq_max = n_seq_max
        self._n_cells = n_cells
        self._of: dict[int, Batch] = {}
        self._adapters: dict[int, str] = {}

    @property
    def n_free(self) -> int:
        return self._n_cells - sum(map(self.length, self._of))

    def length(self, sequence: int) -> int:
        batch = self._of.get(sequence)
        return 0 if batch is None else batch.lengths.values[batch.members.index(sequence)]

    def check(self, sequence: int, start: int, adapter: str) -> None:
        """Whether a sequence can go on at `start` with this adapter.

        Raises:
            BackendError: if not.
        """
        if not 0 <= sequence < self._n_seq_max:
            raise BackendError(f"sequence {sequence} does not exist")
        if start != self.length(sequence):
            raise BackendError(f"sequence {sequence} does not go on at {start}")
        if start and self._adapters[sequence] != adapter:
            raise BackendError(f"sequence {sequence} has cells of another adapter")

    def together(self, members: Sequence[int], adapter: str) -> Batch:
        """The batch of just these sequences, in an order of its own."""
        for member in members:
            if member not in self._of:
                self._of[member] = self._fresh(member)
                self._adapters[member] = adapter
        known = self._of[members[0]]
        if known.living == set(members) and len(known.members) == len(members):
            return known
        adapters = {member: self._adapters[member] for member in members}
        sources = {id(batch): batch for batch in map(self._of.__getitem__, members)}
        batch = self._assembled(members)
        self._leave(members)
        self._of.update(dict.fromkeys(members, batch))
        self._adapters.update(adapters)
        for source in sources.values():
            for left in source.living:
                self.alone(left)  # or one row would keep the memory of all
        return batch

    def copy(self, source: int, target: int, length: int) -> None:
        """Give an empty sequence the first cells of another one."""
        held = self.length(source)
        if length > held or self.length(target):
            raise BackendError(f"copy of {length} of {held} cells to sequence {target}")
        if length < held and not self.kinds.all_plain:
            raise BackendError(f"copy of {length} of {held} cells: this model copies all or none")
        if not length:
            return
        self._of[target] = self._part(source, target, length)
        self._adapters[target] = self._adapters[source]

    def truncate(self, sequence: int, length: int) -> bool:
        held = self.length(sequence)
        if length >= held:
            return True
        if not self.can_truncate(sequence, length):
            return False
        if not length:
            self.clear(sequence)
        elif self.kinds.all_plain:
            batch = self._of[sequence]
            values = list(batch.lengths.values)
            values[batch.members.index(sequence)] = length
            batch.lengths.set(values)
        else:
            self._trim(self.alone(sequence), held - length)
        return True

    def can_truncate(self, sequence: int, length: int) -> bool:
        held = self.length(sequence)
        if length in (0, held) or self.kinds.truncation is Truncation.ANYWHERE:
            return True
        if self.kinds.truncation is Truncation.NEVER:
            return False
        return all(layer.is_trimmable() for layer in self._windows(self.alone(sequence)))

    def clear(self, sequence: int) -> None:
        if sequence in self._of:
            self._leave([sequence])

    def alone(self, sequence: int) -> Batch:
        """The sequence in a batch of its own."""
        batch = self._of[sequence]
        if len(batch.members) > 1:
            batch = self._part(sequence, sequence, self.length(sequence))
            adapter = self._adapters[sequence]
            self._leave([sequence])
            self._of[sequence], self._adapters[sequence] = batch, adapter
        return batch

    def place(self, sequence: int, layers: list[Cache], lengths: RowLengths, adapter: str) -> None:
        """Take these as the cells of a sequence."""
        self._of[sequence] = Batch([sequence], layers, lengths)
        self._adapters[sequence] = adapter

    def adapter(self, sequence: int) -> str:
        return self._adapters.get(sequence, "")

    def fresh_layers(self, lengths: RowLengths) -> list[Cache]:
        """Empty caches for one sequence."""
        pairs = zip(self._make(), self.kinds.is_plain, strict=True)
        return [KvRows(lengths) if is_plain else cache for cache, is_plain in pairs]

    def _fresh(self, sequence: int) -> Batch:
        lengths = RowLengths([0])
        return Batch([sequence], self.fresh_layers(lengths), lengths)

    def _leave(self, sequences: Sequence[int]) -> None:
        for sequence in sequences:
            batch = self._of.pop(sequence)
            self._adapters.pop(sequence)
            batch.members[batch.members.index(sequence)] = None

    def _part(self, source: int, target: int, length: int) -> Batch:
        """The first cells of a sequence, in memory of their own."""
        batch = self._of[source]
        row = batch.members.index(source)
        lengths = RowLengths([length])
        layers: list[Cache] = []
        for layer in batch.layers:
            if isinstance(layer, KvRows):
                own = KvRows(lengths)
                own.put(*layer.cells(row, 0, length))
                layers.append(own)
            else:
                layers.append(_taken(layer, row, n_rows=len(batch.members)))
        part = Batch([target], layers, lengths)
        mx.eval(part.arrays())
        return part

    def _assembled(self, members: Sequence[int]) -> Batch:
        """Rows of several batches as one batch."""
        sources = [self._of[member] for member in members]
        places = [batch.members.index(m) for batch, m in zip(sources, members, strict=True)]
        if len(members) == 1:
            return self._part(members[0], members[0], self.length(members[0]))
        lengths = RowLengths([self.length(member) for member in members])
        layers: list[Cache] = []
        for i, is_plain in enumerate(self.kinds.is_plain):
            rows = [(batch.layers[i], place) for batch, place in zip(sources, places, strict=True)]
            if is_plain:
                layers.append(stacked(rows, lengths))
            else:
                n_rows = [len(batch.members) for batch in sources]
                single = [_taken(*row, n_rows=n) for row, n in zip(rows, n_rows, strict=True)]
                layers.append(type(single[0]).merge(single))
        return Batch(members, layers, lengths)

    def _trim(self, batch: Batch, n: int) -> None:
        for layer in self._windows(batch):
            layer.trim(n)
        batch.lengths.set([length - n for length in batch.lengths.values])

    def _windows(self, batch: Batch) -> list[Cache]:
        return [layer for layer in batch.layers if not isinstance(layer, KvRows)]


def _taken(layer: Cache, row: int, *, n_rows: int) -> Cache:
    """One row of a library's cache, with arrays of its own."""
    return copy.deepcopy(layer) if n_rows == 1 else layer.extract(row)
