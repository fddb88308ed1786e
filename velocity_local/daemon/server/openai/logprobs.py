"""Log-probabilities in OpenAI's two shapes: by token for chat, parallel lists for completions."""

import codecs
import math
from collections.abc import Iterable

from velocity_local.core.events import TokenLogprob
from velocity_local.wire.http import openai_answers as answers

NEVER = -9999.0  # OpenAI's stand-in for a probability of nothing, which JSON cannot write


def chat(tokens: Iterable[TokenLogprob]) -> answers.Logprobs:
    """The chat API's shape."""
    return answers.Logprobs([_token(token) for token in tokens])


class LegacyBuilder:
    """The completions API's shape; offsets go on from chunk to chunk of one choice.

    `text_offset` counts the characters before a token; bytes of a character that is not yet
    complete count once it is.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._offset = 0

    def build(self, tokens: Iterable[TokenLogprob]) -> answers.LegacyLogprobs:
        names: list[str] = []
        values: list[float] = []
        tops: list[dict[str, float]] = []
        offsets: list[int] = []
        for token in tokens:
            names.append(_legacy_name(token.piece))
            values.append(_finite(token.logprob))
            tops.append({_legacy_name(piece): _finite(lp) for _, piece, lp in token.top})
            offsets.append(self._offset)
            self._offset += len(self._decoder.decode(token.piece))
        return answers.LegacyLogprobs(names, values, tops, offsets)


def _token(token: TokenLogprob) -> answers.TokenLogprob:
    top = [
        answers.TopLogprob(_name(piece), _finite(logprob), list(piece))
        for _, piece, logprob in token.top
    ]
    return answers.TokenLogprob(_name(token.piece), _finite(token.logprob), list(token.piece), top)


def _name(piece: bytes) -> str:
    return piece.decode(errors="replace")


def _legacy_name(piece: bytes) -> str:
    """The text, or OpenAI's spelling of bytes that are no text by themselves."""
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in piece)


def _finite(logprob: float) -> float:
    return logprob if math.isfinite(logprob) else NEVER
