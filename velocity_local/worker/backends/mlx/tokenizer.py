"""The folder's vocabulary: tokenizer.json through `tokenizers`, without transformers.

Safe from any thread: the library's objects are not changed after loading, and pieces are looked up
in tables.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from velocity_local.core.errors import InvalidRequest
from velocity_local.worker.backends.mlx.folder import MAX_TOKENIZER_BYTES, ModelFolder
from velocity_local.worker.backends.mlx.pieces import Spelling, spelling_of
from velocity_local.worker.engine.backend import BackendError

# Control tokens that end a turn or a text in some family, where settings name only one of several
# (llama.cpp's vocabulary does the same)
_ENDS = frozenset(
    {
        "</s>",
        "<end_of_turn>",
        "<eos>",
        "<|call|>",
        "<|end_of_text|>",
        "<|end|>",
        "<|endoftext|>",
        "<|eom_id|>",
        "<|eot_id|>",
        "<|im_end|>",
        "<|return|>",
        "<|turn>",
    }
)


class FolderTokenizer:
    """Implements the engine's `Tokenizer`. `n_vocab` is the width of the model's logits."""

    def __init__(self, folder: ModelFolder, *, n_vocab: int) -> None:
        self._folder = folder
        self._n_vocab = n_vocab
        data = _read(folder.path / "tokenizer.json")
        self._parsing, self._plain = _parsed(data), _parsed(data)
        self._plain.encode_special_tokens = True
        self._added = {
            token: (added.content, bool(added.special))
            for token, added in self._parsing.get_added_tokens_decoder().items()
        }
        self._spelling = _spelling(self._parsing)
        self._pieces: dict[int, bytes] = {}
        self._adds_special = folder.tokenizer.get("add_bos_token") is not False
        self._ends = self._find_ends()

    @property
    def n_vocab(self) -> int:
        return self._n_vocab

    @cached_property
    def control_tokens(self) -> tuple[str, ...]:
        return tuple(text for text, is_special in self._added.values() if is_special)

    @cached_property
    def chat_template(self) -> str | None:
        return self._template("default")

    @cached_property
    def tool_template(self) -> str | None:
        return self._template("tool_use")

    @cached_property
    def special_tokens(self) -> dict[str, str]:
        named = {name: self._named(name) for name in ("bos_token", "eos_token")}
        return {name: text for name, text in named.items() if text is not None}

    @property
    def ends(self) -> tuple[int, ...]:
        """Every token that ends a text."""
        return tuple(sorted(self._ends))

    def encode(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        # Half a surrogate pair is no text to the library.
        sound = text.encode("utf-8", "replace").decode()
        tokenizer = self._parsing if parse_special else self._plain
        is_added = add_special and self._adds_special
        tokens: list[int] = tokenizer.encode(sound, add_special_tokens=is_added).ids
        return tokens

    def piece(self, token: int) -> bytes:
        added = self._added.get(token)
        return b"" if added is not None and added[1] else self.piece_special(token)

    def piece_special(self, token: int) -> bytes:
        known = self._pieces.get(token)
        if known is None:
            self._check(token)
            known = self._pieces[token] = self._spell(token)
        return known

    def is_end(self, token: int) -> bool:
        return token in self._ends

    def _spell(self, token: int) -> bytes:
        added = self._added.get(token)
        if added is not None:
            return str(added[0]).encode()
        text = self._parsing.id_to_token(token)
        return b"" if text is None else self._spelling(text)

    def _find_ends(self) -> frozenset[int]:
        ends = {
            token for token, (text, special) in self._added.items() if special and text in _ENDS
        }
        for settings in (self._folder.generation, self._folder.config):
            declared = settings.get("eos_token_id")
            listed = declared if isinstance(declared, list) else [declared]
            ends.update(token for token in listed if type(token) is int)
        named = self._named("eos_token")
        if named is not None:
            ends.add(self._parsing.token_to_id(named))
        return frozenset(token for token in ends if token is not None and token >= 0)

    def _named(self, name: str) -> str | None:
        """A special token that settings name, if it is in the vocabulary."""
        for settings in (self._folder.tokenizer, self._folder.special_tokens):
            value = settings.get(name)
            text = value.get("content") if isinstance(value, dict) else value
            if isinstance(text, str) and self._parsing.token_to_id(text) is not None:
                return text
        return None

    def _template(self, wanted: str) -> str | None:
        """A template from its own file, or from the tokenizer's settings."""
        listed = self._folder.tokenizer.get("chat_template")
        if isinstance(listed, list):
            by_name = {one.get("name"): one for one in listed if isinstance(one, dict)}
            named = by_name.get(wanted, {}).get("template")
            return named if isinstance(named, str) else None
        if wanted != "default":
            return None
        file = self._folder.path / "chat_template.jinja"
        if file.is_file():
            return file.read_text(encoding="utf-8")
        return listed if isinstance(listed, str) else None

    def _check(self, token: int) -> None:
        if not 0 <= token < self._n_vocab:
            raise InvalidRequest(
                f"token {token} is outside the vocabulary; ids are from 0 to {self._n_vocab - 1}"
            )


def _read(file: Path) -> bytes:
    try:
        size_bytes = file.stat().st_size
        if size_bytes > MAX_TOKENIZER_BYTES:
            raise BackendError(f"{file.name} has {size_bytes} bytes; at most {MAX_TOKENIZER_BYTES}")
        return file.read_bytes()
    except OSError as error:
        raise BackendError(f"{file.name} cannot be read: {error.strerror}") from error


def _parsed(data: bytes) -> Any:
    """A tokenizer that leaves nothing of a text out, whatever the file says."""
    try:
        tokenizer: Any = Tokenizer.from_buffer(data)
    except Exception as error:
        raise BackendError(f"tokenizer.json is not sound: {error}") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _spelling(tokenizer: Any) -> Spelling:
    decoder = tokenizer.decoder
    return spelling_of(None if decoder is None else json.loads(decoder.__getstate__()))
