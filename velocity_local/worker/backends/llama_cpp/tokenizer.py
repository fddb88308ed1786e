"""The model's own vocabulary. Safe from any thread: every call has its own buffers."""

import threading
from functools import cached_property

from velocity_local.core.errors import InvalidRequest
from velocity_local.worker.backends.llama_cpp import native


class NativeTokenizer:
    """Implements the engine's `Tokenizer`; pieces are looked up once and kept."""

    def __init__(
        self, vocab: int, *, n_vocab: int, chat_template: str | None, tool_template: str | None
    ) -> None:
        self._vocab = vocab
        self._n_vocab = n_vocab
        self._chat_template = chat_template
        self._tool_template = tool_template
        self._pieces: dict[int, bytes] = {}
        self._special_pieces: dict[int, bytes] = {}
        self._ends: dict[int, bool] = {}

    @property
    def n_vocab(self) -> int:
        return self._n_vocab

    def look_ahead(self) -> threading.Thread:
        """Look for the control tokens on a thread, which is over before the model may be closed."""
        thread = threading.Thread(target=lambda: self.control_tokens, name="control tokens")
        thread.start()
        return thread

    @cached_property
    def control_tokens(self) -> tuple[str, ...]:
        """Looked for once: a vocabulary has 150,000 tokens, and several ask."""
        tokens = native.control_tokens(self._vocab, self._n_vocab)
        return tuple(self.piece_special(token).decode("utf-8", "replace") for token in tokens)

    @property
    def chat_template(self) -> str | None:
        return self._chat_template

    @property
    def tool_template(self) -> str | None:
        return self._tool_template

    @property
    def special_tokens(self) -> dict[str, str]:
        ids = {name: native.special_token(self._vocab, name) for name in ("bos", "eos")}
        return {
            f"{name}_token": self.piece_special(token).decode("utf-8", "replace")
            for name, token in ids.items()
            if token is not None
        }

    def encode(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        # The library throws on bytes that are not UTF-8, and a throw ends the process.
        raw = text.encode("utf-8", "replace")
        return native.tokenize(
            self._vocab, raw, add_special=add_special, parse_special=parse_special
        )

    def piece(self, token: int) -> bytes:
        known = self._pieces.get(token)
        if known is None:
            self._check(token)
            known = self._pieces[token] = native.piece(self._vocab, token, special=False)
        return known

    def piece_special(self, token: int) -> bytes:
        known = self._special_pieces.get(token)
        if known is None:
            self._check(token)
            known = self._special_pieces[token] = native.piece(self._vocab, token, special=True)
        return known

    def is_end(self, token: int) -> bool:
        known = self._ends.get(token)
        if known is None:
            known = self._ends[token] = native.is_end(self._vocab, token)
        return known

    def _check(self, token: int) -> None:
        if not 0 <= token < self._n_vocab:
            raise InvalidRequest(
                f"token {token} is outside the vocabulary; ids are from 0 to {self._n_vocab - 1}"
            )
