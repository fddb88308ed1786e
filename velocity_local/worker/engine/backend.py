"""The engine's port to a library: what every backend must offer, and what it may say it cannot.

Token ids, positions and sequence ids only. No text, no sampling parameters beyond the values of
`core.sampling`, nothing of a vendor's types crosses this line. A backend is used by one thread
at a time, except `Tokenizer`, whose methods are safe beside a running `forward`, and
`request_abort`, which any thread may call.
"""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol

import msgspec

from velocity_local.core.adapters import Adapter
from velocity_local.core.errors import VelocityError
from velocity_local.core.models import LoadedModel, Pooling
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.engine.constraint import Constraint

# The bytes of saved cells. Writable, as the library asks for it; nobody writes.
State = memoryview


class Truncation(Enum):
    """Where a sequence may be cut so that decoding can go on from there."""

    ANYWHERE = "anywhere"
    WITHIN_WINDOW = "within_window"
    NEVER = "never"


class Capabilities(msgspec.Struct, frozen=True):
    """What the loaded model allows; the scheduler asks these and never an architecture's name.

    `n_ctx` is the longest one sequence may become, `n_cells` the KV cells all of them share.
    `prefill_tile` rows cost a pass about as much as one more; with `tile_reaches_all` the rows of a
    whole tile attend to all cells that any of them has, as on CPUs.
    `n_batch` is the most tokens of one forward pass and at least `n_seq_max`, `n_logits` the most
    rows of logits it may ask for, and no fewer. Where `truncation` is `NEVER`, a pass may have
    `n_rollback` guesses for each sequence all the same, of which any number may be cut off once,
    right after it. Saved states are for backends of the same model and `state_format` only.
    Without `shares_cells` a copy has cells of its own: it saves the computing, and no memory.
    """

    n_vocab: int
    n_ctx: int
    n_cells: int
    n_seq_max: int
    n_batch: int
    n_logits: int
    prefill_tile: int
    tile_reaches_all: bool
    can_copy_part: bool
    truncation: Truncation
    can_generate: bool
    can_embed: bool
    pooling: Pooling
    state_format: str
    n_rollback: int = 0
    shares_cells: bool = True

    @property
    def most_guesses(self) -> int:
        """How many guesses of one sequence a pass may check, as far as cells are concerned."""
        return self.n_batch if self.truncation is Truncation.ANYWHERE else self.n_rollback


class Span(NamedTuple):
    """Tokens of one sequence to be computed at consecutive positions from `start`.

    `wants_logits` asks for the logits of the last token. The last `n_drafted` tokens are guesses:
    with them, there are logits for the token before them and for each of them.
    `adapter` is the key of a loaded adapter, empty for the model alone; all spans of a pass have
    the same, and so have all cells of a sequence.
    """

    sequence: int
    start: int
    tokens: Sequence[int]
    wants_logits: bool
    adapter: str = ""
    n_drafted: int = 0


class Forward(Enum):
    """How a forward pass ended.

    `FULL`: nothing has changed, and the pass will do once cells are free. `ABORTED`: each
    sequence of the pass has what `Backend.length` says, which may be more, or nothing at all.
    """

    DONE = "done"
    FULL = "full"
    ABORTED = "aborted"


class Sampled(NamedTuple):
    """A chosen token. `logprob` and `top` (token, logprob) are there only if asked for."""

    token: int
    logprob: float | None = None
    top: tuple[tuple[int, float], ...] = ()


class Unsampled(NamedTuple):
    """No token could be chosen for a row, because of what its own request asked."""

    error: VelocityError


class Sampler(Protocol):
    """The sampler chain of one sequence, with its penalties, random state and constraint."""

    def accept(self, token: int) -> None:
        """Replay a token that was sampled elsewhere: penalties see it, randomness moves on.

        The constraint does not: it was made to stand after these tokens.
        """
        ...

    @property
    def is_complete(self) -> bool:
        """True if the constraint lets nothing follow but an end."""
        ...

    def close(self) -> None: ...


class SampleRow(NamedTuple):
    """Sample for the span at `span` (its index in the batch just computed)."""

    span: int
    sampler: Sampler
    top_logprobs: int | None


class Guesser(Protocol):
    """Reads the texts of sequences, and says what is likely to follow: guesses, and no more.

    Sequence ids are those of the model for which it guesses; its cells are its own. It reads at
    most `n_batch` tokens at once, and texts of up to `n_ctx`. Unless it `keeps_guesses`, its own
    guesses that came true are to be read again, for then it knows more of them.
    """

    @property
    def n_ctx(self) -> int: ...

    @property
    def n_batch(self) -> int: ...

    @property
    def keeps_guesses(self) -> bool: ...

    def earliest(self, sequence: int) -> int | None:
        """The first token of a sequence's text that it can read; None if not even the last."""
        ...

    def read(self, spans: Sequence[Span]) -> Forward:
        """Read on, each sequence where it stopped, or anywhere where it has none.

        Raises:
            BackendError: if the library fails.
        """
        ...

    def guess(self, texts: Sequence[Sequence[int]]) -> list[int]:
        """The likeliest token after each of the texts whose ends were the spans just read."""
        ...

    def length(self, sequence: int) -> int:
        """Up to which position it has read."""
        ...

    def truncate(self, sequence: int, length: int) -> bool:
        """Forget what was read behind the first `length` positions."""
        ...

    def clear(self, sequence: int) -> None: ...


class Tokenizer(Protocol):
    """Text to token ids and back; pieces are bytes, since a character may span tokens."""

    def encode(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]: ...

    def piece(self, token: int) -> bytes:
        """The token's bytes as shown to a user: empty for control tokens."""
        ...

    def piece_special(self, token: int) -> bytes:
        """The token's bytes with control tokens written out."""
        ...

    def is_end(self, token: int) -> bool:
        """True for every end-of-generation token of the vocabulary."""
        ...

    @property
    def n_vocab(self) -> int: ...

    @property
    def control_tokens(self) -> tuple[str, ...]:
        """The texts that are control tokens if `parse_special` says so, and plain text if not."""
        ...

    @property
    def chat_template(self) -> str | None: ...

    @property
    def tool_template(self) -> str | None:
        """The template for conversations with tools, where the model has one of its own."""
        ...

    @property
    def special_tokens(self) -> dict[str, str]:
        """`bos_token` and `eos_token` as text, for templates; absent ones are left out."""
        ...


class Backend(Protocol):
    """A loaded model. Sequence ids run from 0 to `capabilities.n_seq_max` - 1."""

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def loaded(self) -> LoadedModel: ...

    @property
    def tokenizer(self) -> Tokenizer: ...

    @property
    def heads(self) -> Guesser | None:
        """Heads of the model's own that guess further tokens, if they were loaded."""
        ...

    def sampler(
        self,
        params: SamplingParams,
        prompt: Sequence[int],
        constraint: Constraint | None = None,
    ) -> Sampler:
        """A fresh chain for `params`, with penalties told of the prompt.

        With a constraint, a token is sampled as without one; only if it is not allowed, another
        is chosen among those that are. That is sampling from the allowed tokens' share of the
        distribution. Log-probabilities stay those of the whole.
        """
        ...

    def forward(self, spans: Sequence[Span]) -> Forward:
        """Compute all spans in one pass; at most `n_batch` tokens in all.

        Raises:
            BackendError: if the library refuses the batch, or its spans differ in adapter; no
                sequence of it has advanced.
        """
        ...

    def sample(self, rows: Sequence[SampleRow]) -> list[Sampled | Unsampled]:
        """One token for each row, from the last `forward`; each chain accepts its own.

        For a span with guesses it is the token after the last that is none.
        """
        ...

    def verify(self, rows: Sequence[SampleRow]) -> list[list[Sampled | Unsampled]]:
        """As `sample`, with more tokens for each row as long as they are those guessed.

        The last one of a row is no guess, or takes a guess's place, or completes the answer: the
        chain has accepted these tokens and no others.
        """
        ...

    def copy(self, source: int, target: int, length: int) -> None:
        """Share the first `length` cells of `source` with the empty sequence `target`.

        Raises:
            BackendError: if `length` is not all of them and `can_copy_part` is false.
        """
        ...

    def truncate(self, sequence: int, length: int) -> bool:
        """Keep the first `length` cells. False, and nothing changed, if the model cannot.

        Guesses of the last pass can be cut off as `Capabilities` says.
        """
        ...

    def can_truncate(self, sequence: int, length: int) -> bool:
        """Whether the first `length` cells can be kept alone, of the sequence or of its copy."""
        ...

    def clear(self, sequence: int) -> None:
        """Drop all cells of a sequence."""
        ...

    def save(self, sequence: int, start: int, end: int | None = None) -> State:
        """What cells from `start` to `end` hold, for `restore` of this model and build.

        Raises:
            BackendError: if these are not all of them and `can_copy_part` is false.
        """
        ...

    def restore(self, sequence: int, state: State, start: int, length: int) -> bool:
        """Put the cells from `start` to `length` of a saved state behind the `start` ones there.

        False, and nothing changed, if there is no room for all that was saved, if it does not
        fit there, or if only a part is wanted and `can_copy_part` is false. The bytes are
        trusted: the library takes wrong ones without a word.
        """
        ...

    def load_adapter(self, adapter: Adapter) -> None:
        """Make an adapter ready under its key; one that is there already is fine.

        Raises:
            BackendError: if it cannot be read, or is not for this model.
        """
        ...

    def unload_adapter(self, key: str) -> None:
        """Free an adapter, of which no sequence computes any more; unknown keys are fine."""
        ...

    def embed(self, inputs: Sequence[Sequence[int]]) -> list[bytes]:
        """One pooled, unnormalised vector per input as little-endian float32 bytes.

        Raises:
            BackendError: if the model has no embeddings.
        """
        ...

    def request_abort(self) -> None:
        """Ask a `forward` that is running to stop at the next chance; it then returns ABORTED."""
        ...

    def length(self, sequence: int) -> int:
        """How many cells a sequence holds: its highest position + 1."""
        ...

    def close(self) -> None: ...


class BackendError(Exception):
    """The library failed; the message names the call and its answer."""


class NoMemoryError(BackendError):
    """The library could not have the memory it asked for."""
