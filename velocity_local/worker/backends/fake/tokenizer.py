"""A byte-level tokenizer: token n is byte n, and a few control tokens follow."""

import re
from itertools import chain

from velocity_local.core.errors import InvalidRequest

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
N_BYTES = 256
BOS = END_OF_TEXT = N_BYTES
START_OF_TURN = N_BYTES + 1
END_OF_TURN = N_BYTES + 2
_CONTROL_PATTERN = re.compile("(" + "|".join(map(re.escape, CONTROL)) + ")")
_CONTROL_IDS = {text: N_BYTES + i for i, text in enumerate(CONTROL)}

CHATML = (
    "{%- for message in messages -%}"
    "{{- '<|im_start|>' + message.role + '\\n' + (message.content or '') + '<|im_end|>\\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}"
)


class ByteTokenizer:
    """Implements the engine's `Tokenizer`."""

    def __init__(self, *, chat_template: str | None = CHATML) -> None:
        self._chat_template = chat_template

    @property
    def n_vocab(self) -> int:
        return N_BYTES + len(CONTROL)

    @property
    def control_tokens(self) -> tuple[str, ...]:
        return CONTROL

    @property
    def chat_template(self) -> str | None:
        return self._chat_template

    @property
    def tool_template(self) -> str | None:
        return None

    @property
    def special_tokens(self) -> dict[str, str]:
        return {"bos_token": CONTROL[0], "eos_token": CONTROL[2]}

    def encode(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        parts = _CONTROL_PATTERN.split(text) if parse_special else [text]
        tokens = chain.from_iterable(
            (_CONTROL_IDS[part],)
            if parse_special and part in _CONTROL_IDS
            else part.encode("utf-8", "surrogatepass")
            for part in parts
        )
        return [BOS, *tokens] if add_special else list(tokens)

    def piece(self, token: int) -> bytes:
        self._check(token)
        return bytes((token,)) if token < N_BYTES else b""

    def piece_special(self, token: int) -> bytes:
        self._check(token)
        return bytes((token,)) if token < N_BYTES else CONTROL[token - N_BYTES].encode()

    def is_end(self, token: int) -> bool:
        return token in {END_OF_TEXT, END_OF_TURN}

    def _check(self, token: int) -> None:
        if not 0 <= token < self.n_vocab:
            raise InvalidRequest(
                f"token {token} is outside the vocabulary; ids are from 0 to {self.n_vocab - 1}"
            )
