"""The KV cache as the engine uses it: slots, cells and known prefixes, in step with a backend."""

from collections.abc import Callable, Iterable

from velocity_local.worker.engine.backend import Backend
from velocity_local.worker.engine.memory import CellLedger
from velocity_local.worker.engine.opening import NOTHING, Opening, Source
from velocity_local.worker.engine.prefix import MIN_MATCH_TOKENS, PrefixIndex
from velocity_local.worker.engine.radix import Match
from velocity_local.worker.engine.slots import SlotTable
from velocity_local.worker.engine.statecache import Kept, StateCache

# Attention looks at every used cell of the cache, whoever's it is: on a CPU 1,000 kept cells
# make a decode step 5 % slower and a prefill 13 %. The newest finished sequence is kept whole.
RESIDENT_CELLS = 128


# What is copied between two steps that others wait for: some 10 ms, also where memory is slow.
PIECE_BYTES = 32 * 2**20
# So many pieces of a sequence are saved if it has to go at once.
PIECES_AT_ONCE = 4

# A next turn seldom begins with all of a prompt: its last tokens open the answer.
CHECKPOINT_MARGIN_TOKENS = 8


class KvCache:
    """Owns a backend's sequences. Finished ones stay until their cells or slots are needed.

    What leaves then goes to `states`, from where it comes back if a prompt begins like it.
    """

    def __init__(
        self,
        backend: Backend,
        state_bytes: int = 0,
        on_drop: Callable[[Kept], None] | None = None,
        is_watched: Callable[[], bool] = lambda: False,
    ) -> None:
        """While `is_watched` says that others wait for each step, some `PIECE_BYTES` at most are
        saved or restored in one, where the model's cells can be taken apart.
        """
        self._backend = backend
        self._is_watched = is_watched
        self._piece_tokens = _piece_tokens(backend)
        # Residents of which something is not saved yet that would take long.
        self._unsaved: dict[int, None] = {}
        self._capabilities = backend.capabilities
        self._slots = SlotTable(self._capabilities.n_seq_max)
        self._ledger = CellLedger(
            self._capabilities.n_cells, shares=self._capabilities.shares_cells
        )
        self._index: PrefixIndex[int] = PrefixIndex()
        self._spaces: dict[int, str] = {}
        self._tokens: dict[int, list[int]] = {}
        # Slots that wait for their leaders, with the length that they are to be given.
        self._joins: dict[int, int] = {}
        self.states = StateCache(
            state_bytes, has_parts=self._capabilities.can_copy_part, on_drop=on_drop
        )
        self.grow = self._ledger.grow
        self.length = self._ledger.length

    @property
    def used_cells(self) -> int:
        return self._ledger.used

    @property
    def free_cells(self) -> int:
        return self._ledger.free

    def open(
        self, tokens: list[int], *, reserve: int, promised: int, space: str = ""
    ) -> Opening | None:
        """A slot for a sequence, or None if slots or cells are lacking.

        `reserve` cells beyond `tokens` must be free, and `promised` ones that running
        sequences will need. Residents are evicted, oldest first, to make that so.
        Cells are shared within a `space` only.
        """
        source = self._best_source(tokens, space)
        if not self._fits(source, len(tokens) + reserve + promised):
            source = NOTHING
            if not self._fits(source, len(tokens) + reserve + promised):
                return None
        shared = 0 if self._capabilities.can_copy_part else self._shared(tokens, space)
        opening = self._take(source)._replace(shared=shared)
        if opening.leader is None:
            length, has_more = self._restored(opening.slot, opening.length, tokens, space)
            opening = opening._replace(length=length, has_more=has_more)
        else:
            self._joins[opening.slot] = opening.join
        self._index.insert(opening.slot, tokens, space)
        self._spaces[opening.slot] = space
        self._tokens[opening.slot] = tokens
        return opening

    def can_join(self, length: int) -> bool:
        """Whether there are cells for a copy of so many, once residents have gone."""
        while not self._capabilities.shares_cells and self._ledger.free < length:
            if not self.evict_oldest():
                return False
        return True

    def join(self, leader: int, follower: int, length: int) -> None:
        """Give the waiting slot the first `length` cells of its leader."""
        self._backend.copy(leader, follower, length)
        self._ledger.copy(leader, follower, length)
        self._joins.pop(follower, None)

    def retire(self, slot: int, tokens: list[int]) -> None:
        """The sequence in `slot` has ended; keep what it computed of `tokens` for reuse."""
        length = self._ledger.length(slot)
        if length < MIN_MATCH_TOKENS:
            self.drop(slot)
            return
        self._tokens[slot] = tokens[:length]
        self._index.insert(slot, tokens[:length], self._spaces[slot])
        self._slots.retire(slot)
        if self._has_much_to_save(slot):
            self._unsaved[slot] = None
        self._evict_surplus()

    def tidy(self) -> None:
        """Between two steps: save one more piece of what would take long to save at once."""
        for slot in list(self._unsaved)[:1]:
            self._save_piece(slot, self._tokens[slot])
            if not self._has_much_to_save(slot):
                del self._unsaved[slot]
                self._evict_surplus()

    def restore_on(self, slot: int) -> tuple[int, bool]:
        """Put the next piece of what was saved there; the length, and whether there is more."""
        length, tokens, space = self._ledger.length(slot), self._tokens[slot], self._spaces[slot]
        return self._restored(slot, length, tokens, space)

    def park(self, slot: int, tokens: list[int]) -> None:
        """Free a slot and its cells, and keep what was computed of `tokens` off the device.

        If others wait for it, as much as can be saved soon.
        """
        self._save(slot, tokens[: self._ledger.length(slot)])
        self.drop(slot)

    def checkpoints_of(self, n_prompt: int, opening: Opening) -> set[int]:
        """Where a prompt's state is to be saved on the way; nowhere if a later cut will do.

        That is where it parts from others, and near its end.
        """
        if self._capabilities.can_copy_part or not self.states.is_on:
            return set()
        least = max(opening.length, opening.join) + MIN_MATCH_TOKENS
        ends = (n_prompt - CHECKPOINT_MARGIN_TOKENS, min(opening.shared, n_prompt - 1))
        return {at for at in map(self._whole_tiles, ends) if at >= least}

    def checkpoint(self, slot: int, tokens: list[int]) -> None:
        """Save a running sequence as it is now."""
        self._save(slot, tokens[: self._ledger.length(slot)])

    def known(self) -> list[tuple[list[int], str, bool]]:
        """Tokens, space and whether it runs, of every sequence that holds cells."""
        held = ((slot, self._ledger.length(slot)) for slot in self._tokens)
        return [
            (self._tokens[slot][:length], self._spaces[slot], not self._slots.is_resident(slot))
            for slot, length in held
            if length
        ]

    def reusable(self, tokens: list[int], space: str) -> int:
        """How many of the first tokens would be on the device without being computed."""
        source = self._best_source(tokens, space)
        have = source.length if self._capabilities.can_copy_part and not source.follows else 0
        return max(source.length, self.states.reach(tokens[:-1], space, have=have))

    def forget(self) -> None:
        """Drop every finished sequence, and all that was saved."""
        for slot in self._slots.residents:
            self.drop(slot)
        self.states.clear()

    def take(self, states: Iterable[Kept]) -> None:
        """Saved cells from elsewhere, for prompts that come: each after those it goes on from."""
        for kept in states:
            self.states.take(kept)

    def save_all(self) -> tuple[Kept, ...]:
        """Save every finished sequence, since the model is about to go; all that is saved."""
        for slot in self._slots.residents:
            self._save(slot, self._tokens[slot])
        return self.states.entries()

    def cut(self, slot: int, length: int) -> None:
        """Let go of a running sequence's cells from `length` on, where the model can."""
        kept = self._shorten(slot, length)
        assert kept == length, f"slot {slot} lost its cells"

    def drop(self, slot: int) -> None:
        """Free a slot and its cells."""
        self._backend.clear(slot)
        self._ledger.clear(slot)
        self._index.remove(slot)
        self._tokens.pop(slot, None)
        self._joins.pop(slot, None)
        self._unsaved.pop(slot, None)
        self._slots.release(slot)

    def resync(self, slot: int, limit: int) -> int:
        """After an aborted pass: go on from what the backend has, but from `limit` at most."""
        held, known = self._backend.length(slot), self._ledger.length(slot)
        if held > known:
            self._ledger.grow(slot, held - known)
        else:
            self._ledger.truncate(slot, held)
        return self._shorten(slot, min(held, limit))

    def evict_oldest(self, *, keep: int | None = None) -> bool:
        """Park the resident that was not used for longest; False if there is none."""
        for slot in self._slots.residents:
            if slot != keep:
                self.park(slot, self._tokens[slot])
                return True
        return False

    def check_integrity(self, running: set[int]) -> None:
        """Assert that slots, cells and the backend agree; `running` are the slots in use."""
        self._slots.check_integrity()
        self.states.check_integrity()
        residents = set(self._slots.residents)
        assert not residents & running, "a resident slot runs"
        assert 0 <= self._ledger.used <= self._ledger.n_cells, "more cells than there are"
        for slot in range(self._slots.n_slots):
            held = self._ledger.length(slot)
            assert self._backend.length(slot) == held, f"slot {slot} differs from the backend"
            assert held == 0 or slot in residents | running, f"slot {slot} leaked its cells"

    def _evict_surplus(self) -> None:
        """Drop old residents until the rest are few cells, or only the newest is left."""
        held = [self._ledger.length(slot) for slot in self._slots.residents]
        for i in range(len(held) - 1):
            if sum(held[i:]) <= RESIDENT_CELLS or self._slots.residents[0] in self._unsaved:
                return
            self.evict_oldest()

    def _best_source(self, tokens: list[int], space: str) -> Source:
        """The cells to begin with; nothing if saved ones reach further and cannot join them."""
        matches = self._index.matches(tokens, space)
        sources = [self._source(match, len(tokens)) for match in matches]
        best = max(sources, key=lambda source: source.length, default=NOTHING)
        if best.length < MIN_MATCH_TOKENS:
            return NOTHING
        if best.follows or not self._capabilities.can_copy_part:
            saved = self.states.reach(tokens[:-1], space)
            return NOTHING if saved >= best.length else best
        return best

    def _restored(self, slot: int, length: int, tokens: list[int], space: str) -> tuple[int, bool]:
        """Put what was saved behind the cells that are there; how many there are then, and whether
        there is more to come.
        """
        first = length
        pieces = self.states.pieces(tokens[:-1], space, have=length)
        if not pieces or pieces[-1].end - length < MIN_MATCH_TOKENS:
            return length, False
        for piece in pieces:
            if length - first >= self._piece_tokens and self._is_watched():
                return length, True
            if not self._backend.restore(slot, piece.state, length, piece.end):
                return length, False
            self._ledger.grow(slot, piece.end - length)
            length = piece.end
        return length, False

    def _save(self, slot: int, tokens: list[int]) -> None:
        """Save all of it, or if others wait for that a few pieces."""
        n_pieces = PIECES_AT_ONCE if self._is_watched() else len(tokens)
        for _ in range(n_pieces):
            if not self._save_piece(slot, tokens):
                return

    def _save_piece(self, slot: int, tokens: list[int]) -> bool:
        """Save the next piece of a sequence; False if nothing more is to be saved."""
        if not self.states.is_on:
            return False
        space = self._spaces[slot]
        start = self.states.missing_from(tokens, space)
        if len(tokens) - start < MIN_MATCH_TOKENS:
            return False
        if not self._capabilities.can_copy_part or len(tokens) - start < 2 * self._piece_tokens:
            self.states.keep(tokens, start, self._backend.save(slot, start), space)
            return False
        end = start + self._piece_tokens
        self.states.keep(tokens[:end], start, self._backend.save(slot, start, end), space)
        return self.states.reach(tokens, space) >= end

    def _has_much_to_save(self, slot: int) -> bool:
        """Whether saving a resident at once would keep others waiting."""
        if not (self.states.is_on and self._capabilities.can_copy_part and self._is_watched()):
            return False
        tokens = self._tokens[slot]
        n_missing = len(tokens) - self.states.missing_from(tokens, self._spaces[slot])
        return n_missing >= 2 * self._piece_tokens

    def _source(self, match: Match[int], n_tokens: int) -> Source:
        """What a matching sequence can give. The last token is always left to compute."""
        held = self._ledger.length(match.holder)
        wanted = min(match.length, n_tokens - 1)
        if self._slots.is_resident(match.holder):
            return Source(match.holder, self._reachable(match.holder, held, wanted))
        if held < match.length == n_tokens == match.total:
            return Source(match.holder, n_tokens, follows=True)
        if self._capabilities.can_copy_part and wanted - held >= MIN_MATCH_TOKENS:
            return Source(match.holder, wanted, follows=True)
        if not self._capabilities.can_copy_part:
            at = self._whole_tiles(wanted)
            if at - max(held, self._joins.get(match.holder, 0)) >= MIN_MATCH_TOKENS:
                return Source(match.holder, at, follows=True)
        return Source(match.holder, self._reachable(match.holder, held, wanted))

    def _whole_tiles(self, length: int) -> int:
        """Where a model whose cells cannot be cut may pause and compute on with the same bits."""
        tile = self._capabilities.prefill_tile
        return length // tile * tile

    def _shared(self, tokens: list[int], space: str) -> int:
        """How many of the first tokens another sequence has too, on the device or saved."""
        matches = self._index.matches(tokens, space)
        on_device = max((match.length for match in matches), default=0)
        return max(on_device, self.states.common(tokens, space))

    def _reachable(self, slot: int, held: int, wanted: int) -> int:
        """How many of the first `wanted` cells can be had of a sequence that has `held`."""
        if held <= wanted or self._backend.can_truncate(slot, wanted):
            return min(held, wanted)
        return 0

    def _fits(self, source: Source, n_cells: int) -> bool:
        """Evict residents until slot and cells are there; False if that is not enough."""
        while not self._slots.has_free and not self._is_wholly_wanted(source):
            if not self.evict_oldest(keep=source.slot):
                if source.slot is None or not self._slots.is_resident(source.slot):
                    return False
                break
        while self._ledger.free < n_cells - source.length + self._copied(source):
            if not self.evict_oldest(keep=source.slot):
                return False
        return True

    def _copied(self, source: Source) -> int:
        """Cells that beginning with a source takes anew, where copies do not share them."""
        if self._capabilities.shares_cells or source.slot is None:
            return 0
        if self._is_wholly_wanted(source):
            return 0
        is_part = source.follows or self._capabilities.can_copy_part
        return source.length if is_part else self._ledger.length(source.slot)

    def _take(self, source: Source) -> Opening:
        if source.slot is None:
            return Opening(self._slots.claim(), 0)
        if source.follows:
            return Opening(self._slots.claim(), 0, source.slot, source.length)
        if self._is_wholly_wanted(source) or not self._slots.has_free:
            if not self._is_wholly_wanted(source):
                self._save(source.slot, self._tokens[source.slot])
            self._slots.revive(source.slot)
            self._unsaved.pop(source.slot, None)
            return Opening(source.slot, self._shorten(source.slot, source.length))
        slot = self._slots.claim()
        return Opening(slot, self._copy(source.slot, slot, source.length))

    def _is_wholly_wanted(self, source: Source) -> bool:
        """True if the source is a resident that the new sequence goes on from as it is."""
        if source.slot is None or not self._slots.is_resident(source.slot):
            return False
        return self._ledger.length(source.slot) == source.length

    def _copy(self, source: int, target: int, length: int) -> int:
        held = self._ledger.length(source)
        whole = length if self._capabilities.can_copy_part else held
        self.join(source, target, whole)
        if self._slots.is_resident(source):
            self._slots.touch(source)
        return self._shorten(target, length)

    def _shorten(self, slot: int, length: int) -> int:
        """Truncate to `length`; a model that cannot do so here loses the cells."""
        if self._ledger.length(slot) == length:
            return length
        if self._backend.truncate(slot, length):
            self._ledger.truncate(slot, length)
            return length
        self._backend.clear(slot)
        self._ledger.clear(slot)
        return 0


def _piece_tokens(backend: Backend) -> int:
    """Whole tiles of about `PIECE_BYTES`."""
    tile, cell_bytes = backend.capabilities.prefill_tile, backend.loaded.kv_bytes_per_token
    return max(PIECE_BYTES // max(cell_bytes, 1) // tile, 1) * tile
