"""Picks the scripted answer's next token from what a sequence's cells hold."""

import zlib
from collections.abc import Sequence
from typing import assert_never

from velocity_local.core.errors import InvalidRequest
from velocity_local.core.sampling import SamplingParams
from velocity_local.worker.backends.fake.script import Babble, Echo, Fixed, Reply
from velocity_local.worker.backends.fake.tokenizer import END_OF_TURN, ByteTokenizer
from velocity_local.worker.engine.backend import BackendError, Sampled
from velocity_local.worker.engine.constraint import Constraint, Unanswerable

_LETTERS = b"abcdefghijklmnopqrstuvwxyz     "
# Bytes that end things come before those that go on with them: no format keeps it busy for long.
_WAYS_OUT = b'}]",:0123456789' + bytes(range(ord("A"), 127))
_LOGPROB = -0.125
_OTHER_LOGPROB = -4.0


class FakeSampler:
    """One sequence's answer. It checks that the cells hold what it was told and has sampled.

    Where a constraint forbids what it would say, it takes a short way out.
    """

    def __init__(
        self,
        reply: Reply,
        params: SamplingParams,
        prompt: Sequence[int],
        tokenizer: ByteTokenizer,
        constraint: Constraint | None = None,
    ) -> None:
        outside = [token for token, _ in params.logit_bias if token >= tokenizer.n_vocab]
        if outside:
            raise InvalidRequest(
                f"logit_bias names token {outside[0]}; ids are from 0 to {tokenizer.n_vocab - 1}",
                param="logit_bias",
            )
        self._history = list(prompt)
        self._n_prompt = len(prompt)
        self._reply = reply
        self._ignores_end = params.ignore_eos
        self._seed = 0 if params.seed is None else params.seed
        self._script = _script(reply, list(prompt), tokenizer)
        self._constraint = constraint
        self.is_closed = False

    def accept(self, token: int) -> None:
        self._history.append(token)

    @property
    def is_complete(self) -> bool:
        return self._constraint is not None and self._constraint.is_complete

    def close(self) -> None:
        self.is_closed = True

    def sample(self, cells: Sequence[int], top_logprobs: int | None, adapter: str = "") -> Sampled:
        """The next token after `cells`, which must be the sequence so far.

        Every adapter babbles in another way.
        """
        if cells != self._history:
            raise BackendError(f"the cells hold {len(cells)} tokens that are not this sequence's")
        token = self._allowed(self._next(adapter))
        self._history.append(token)
        if top_logprobs is None:
            return Sampled(token)
        others = [other for other in range(top_logprobs + 1) if other != token]
        top = ((token, _LOGPROB), *((other, _OTHER_LOGPROB) for other in others))
        return Sampled(token, _LOGPROB, top[:top_logprobs])

    def _next(self, adapter: str) -> int:
        if isinstance(self._reply, Babble):
            return self._babble(self._reply, adapter)
        i = len(self._history) - self._n_prompt
        if i < len(self._script):
            return self._script[i]
        if self._ignores_end and self._script:
            return self._script[i % len(self._script)]
        return ord(" ") if self._ignores_end else END_OF_TURN

    def _allowed(self, token: int) -> int:
        constraint = self._constraint
        if constraint is None or constraint.accept(token):
            return token
        bits = constraint.allowed()
        ways = (END_OF_TURN, *_WAYS_OUT, *range(8 * len(bits)))
        token = next((way for way in ways if bits[way >> 3] >> (way & 7) & 1), -1)
        if token < 0 or not constraint.accept(token):
            raise Unanswerable("the answer's format allows no byte")
        return token

    def _babble(self, reply: Babble, adapter: str) -> int:
        history = ",".join(map(str, self._history))
        draw = zlib.crc32(f"{reply.seed}/{self._seed}/{history}{adapter}".encode())
        if not self._ignores_end and draw % reply.mean_tokens == 0:
            return END_OF_TURN
        if (draw >> 8) % 8 < reply.repeats:
            draw = zlib.crc32(f"{reply.seed}/{self._history[-2:]}".encode())
        return _LETTERS[(draw >> 16) % len(_LETTERS)]


def _script(reply: Reply, prompt: list[int], tokenizer: ByteTokenizer) -> list[int]:
    match reply:
        case Echo():
            return list(_last_user_line(prompt, tokenizer))
        case Fixed(text):
            return tokenizer.encode(text, add_special=False, parse_special=True)
        case Babble():
            return []
    assert_never(reply)


def _last_user_line(prompt: list[int], tokenizer: ByteTokenizer) -> bytes:
    """The last line of the last user turn, or of the whole prompt if it has no turns."""
    text = b"".join(map(tokenizer.piece_special, prompt))
    _, user, tail = text.rpartition(b"<|im_start|>user\n")
    turn = tail.split(b"<|im_end|>")[0] if user else text
    return turn.strip().rsplit(b"\n", 1)[-1].removeprefix(b"<|endoftext|>")
