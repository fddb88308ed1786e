"""A vocabulary of bytes with a few longer tokens, and constraints over it."""

from velocity_local.worker.backends.fake.tokenizer import CONTROL, ByteTokenizer
from velocity_local.worker.constraints.compiler import Compiler
from velocity_local.worker.constraints.matcher import GrammarConstraint
from velocity_local.worker.constraints.vocabulary import Vocabulary

LONGER = (
    "<think>",
    "</think>",
    "</",
    "think",
    ">\n\n",
    ">{",
    "<tool_call>",
    "tool",
    '{"a":',
    "\n\n",
)
END = 258


class LongTokenizer(ByteTokenizer):
    """Bytes, the fake's control tokens, and tokens of several bytes."""

    _first = 256 + len(CONTROL)

    @property
    def n_vocab(self) -> int:
        return self._first + len(LONGER)

    def piece(self, token: int) -> bytes:
        is_long = token >= self._first
        return LONGER[token - self._first].encode() if is_long else super().piece(token)

    def piece_special(self, token: int) -> bytes:
        return self.piece(token) or super().piece_special(token)

    def encode(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        if text in LONGER:
            return [token(text)]
        return super().encode(text, add_special=add_special, parse_special=parse_special)


def token(text: str) -> int:
    """The one token that is `text`."""
    return LongTokenizer._first + LONGER.index(text) if text in LONGER else ord(text)


def vocabulary() -> Vocabulary:
    made = Vocabulary(LongTokenizer())
    made.start()
    return made


def grammar(lark: str, made: Vocabulary) -> GrammarConstraint:
    return Compiler(made).constraint(lark, "grammar")


def allowed(bits: bytes) -> set[int]:
    return {i for i in range(8 * len(bits)) if bits[i >> 3] >> (i & 7) & 1}
