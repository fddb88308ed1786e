"""A model's tokens as llguidance wants them: a trie, built once, on a thread of its own."""

import re
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol

from velocity_local.core.errors import CapacityError

if TYPE_CHECKING:
    from llguidance import LLTokenizer

# Building takes under a second for 152 k tokens; a machine may be busy with loading others.
_PATIENCE_S = 60.0
# A model is often loaded because somebody waits for it: what they asked for goes first.
_DELAY_S = 3.0
# No byte of any text.
_MARK = b"\xff"


class Tokens(Protocol):
    """The part of a tokenizer that is needed here."""

    @property
    def n_vocab(self) -> int: ...

    def encode(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]: ...

    def piece(self, token: int) -> bytes: ...

    def piece_special(self, token: int) -> bytes: ...

    def is_end(self, token: int) -> bool: ...


class Vocabulary:
    """`start` begins to build the trie, after a while or once it is wanted; `trie` waits for it.

    Tokens that show as text are text, whatever else they are to the model; control tokens can
    only be asked for by their number. `shown` is a token's text as whoever reads the answer sees
    it, which may have some control tokens written out; `control` are the texts of those tokens.
    """

    def __init__(
        self,
        tokens: Tokens,
        shown: Callable[[int], bytes] | None = None,
        *,
        control: Iterable[str] = (),
    ) -> None:
        self.tokens = tokens
        self.shown = shown or tokens.piece
        longest_first = sorted(filter(None, control), key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, longest_first)) or "(?!)")
        self._trie: LLTokenizer | None = None
        self._bytes: dict[int, int] = {}
        self._is_wanted = threading.Event()
        self._is_built = threading.Event()
        self._is_closed = False
        self._thread = threading.Thread(target=self._build, name="vocabulary", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """The tokenizer is about to go: it is not asked any more once this returns."""
        self._is_closed = True
        self._is_wanted.set()
        if self._thread.ident is not None:
            self._thread.join()

    def trie(self) -> "LLTokenizer":
        """The trie, once it is built.

        Raises:
            CapacityError: if that takes too long.
        """
        self._is_wanted.set()
        if not self._is_built.wait(_PATIENCE_S) or self._trie is None:
            raise CapacityError(
                "the model's vocabulary is not ready for formats yet; try again", retry_after_s=5.0
            )
        return self._trie

    def spell(self, text: bytes) -> list[int]:
        """Tokens of one byte each that are `text`; empty if the vocabulary lacks one."""
        try:
            return [self._bytes[byte] for byte in text]
        except KeyError:
            return []

    def seen(self, token: int) -> bytes:
        """A token's text, marked if it is a control token's: in other tokens it is another."""
        text = self.shown(token)
        return _MARK + text if text and not self.tokens.piece(token) else text

    def marked(self, text: str) -> bytes:
        """A text as it is seen where it is written with the control tokens that it names."""
        return self._control.sub(lambda found: f"\udcff{found[0]}", text).encode(
            errors="surrogateescape"
        )

    def control_token(self, text: str) -> int | None:
        """The control token that is written so, if there is one."""
        tokens = self.tokens.encode(text, add_special=False, parse_special=True)
        is_control = len(tokens) == 1 and not self.tokens.piece(tokens[0])
        return tokens[0] if is_control else None

    def first_of(self, text: str) -> int:
        """The token with which to begin to write `text`."""
        control = self._control.match(text)
        token = self.control_token(control[0]) if control else None
        if token is not None:
            return token
        whole = self.tokens.encode(text, add_special=False, parse_special=True)
        return whole[0] if len(whole) == 1 else self.trie().greedy_tokenize(text)[0]

    def _build(self) -> None:
        self._is_wanted.wait(_DELAY_S)
        if self._is_closed:
            return
        from llguidance import LLTokenizer  # noqa: PLC0415 - 50 ms that nobody waits for

        pieces = _Pieces(self.tokens, lambda: self._is_closed)
        self._bytes = pieces.bytes
        self._trie = LLTokenizer(
            pieces,  # type: ignore[arg-type]  # it reads attributes, whatever the class
            n_vocab=self.tokens.n_vocab,
            eos_token=pieces.ends,
        )
        self._is_built.set()


class _Pieces:
    """What `LLTokenizer` reads: llguidance/_tokenizer.py names the attributes."""

    is_tokenizer_wrapper = True
    bos_token_id = None

    def __init__(self, tokens: Tokens, is_closed: Callable[[], bool]) -> None:
        n_vocab = tokens.n_vocab
        shown = [b"" if is_closed() else tokens.piece(token) for token in range(n_vocab)]
        self.special_token_ids = [token for token, piece in enumerate(shown) if not piece]
        self.tokens = [
            piece or (b"" if is_closed() else tokens.piece_special(token))
            for token, piece in enumerate(shown)
        ]
        ends = [] if is_closed() else [token for token in range(n_vocab) if tokens.is_end(token)]
        self.ends = ends or [n_vocab - 1]
        self.bytes = {piece[0]: at for at, piece in enumerate(self.tokens) if len(piece) == 1}
        self._encode = tokens.encode
        self.eos_token_id = self.ends[0]

    def __call__(self, text: str) -> list[int]:
        """The tokens the model itself would use: where only one text can follow, they are chosen.

        A tokenizer that puts a space before it is no help; then one byte at a time.
        """
        encoded = self._encode(text, add_special=False, parse_special=False)
        raw = text.encode()
        if b"".join(map(self.tokens.__getitem__, encoded)) == raw:
            return encoded
        return [self.bytes[byte] for byte in raw if byte in self.bytes]
