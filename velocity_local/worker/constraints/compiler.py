"""Compiles grammars, off the engine's thread, and keeps those that were used last.

A compile cannot be cancelled. What is compiled has passed our own limits and runs under those of
llguidance, which together end every grammar we found within a second; one that still takes longer
than `TIME_LIMIT_S` is left to a thread that is not used again, and after `MAX_STUCK` of these no
new grammars are taken.
"""

import itertools
import logging
import queue
import re
import threading
from collections import OrderedDict
from functools import cache
from typing import TYPE_CHECKING

from velocity_local.core.errors import CapacityError, DeadlineExceeded, InvalidFormat
from velocity_local.worker.constraints.matcher import GrammarConstraint
from velocity_local.worker.constraints.vocabulary import Vocabulary

TIME_LIMIT_S = 5.0
MAX_STUCK = 3
MAX_KEPT = 256
MAX_KEPT_CHARS = 4 * 2**20
_MESSAGE_CHARS = 300
_ONE_OF = "oneOf constraints are not supported"
_NO_TEXT = "NoExtensionBias"
_DRAWING = re.compile(r"\s*\d+ \| ")
_PLACE = re.compile(r"^(?:at )?\d+\(\d+\): ")

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLParserLimits, LLTokenizer

    Results = queue.SimpleQueue[tuple[LLMatcher, bytes]]

_log = logging.getLogger(__name__)


class Compiler:
    """Used by one thread at a time."""

    def __init__(self, vocabulary: Vocabulary, *, time_limit_s: float = TIME_LIMIT_S) -> None:
        self._vocabulary = vocabulary
        self._time_limit_s = time_limit_s
        self._kept: OrderedDict[str, GrammarConstraint] = OrderedDict()
        self._kept_chars = 0
        self._n_stuck = 0

    @property
    def n_kept(self) -> int:
        return len(self._kept)

    def constraint(self, lark: str, param: str) -> GrammarConstraint:
        """A constraint at the start of the grammar, for one answer. `param` is named in errors.

        Raises:
            InvalidFormat: if it is no grammar, or none that can be followed.
            DeadlineExceeded: if compiling takes too long.
            CapacityError: if that has happened too often.
        """
        known = self._kept.get(lark)
        if known is None:
            known = self._compile(lark, param)
            self._keep(lark, known)
        self._kept.move_to_end(lark)
        return known.copy(param)

    def _compile(self, lark: str, param: str) -> GrammarConstraint:
        if self._n_stuck >= MAX_STUCK:
            raise CapacityError(
                "too many grammars have not compiled in time; load the model again to go on"
            )
        results: Results = queue.SimpleQueue()
        arguments = (self._vocabulary.trie(), lark, results)
        threading.Thread(target=_run, args=arguments, name="grammar", daemon=True).start()
        try:
            matcher, first = results.get(timeout=self._time_limit_s)
        except queue.Empty:
            self._n_stuck += 1
            _log.warning("a grammar of %d characters does not compile in time", len(lark))
            raise DeadlineExceeded(
                f"{param} did not compile within {self._time_limit_s:g} s; simplify it", param=param
            ) from None
        if matcher.is_error():
            raise InvalidFormat(f"{param}: {_reason(matcher)}", param=param)
        return GrammarConstraint(matcher, self._vocabulary, first, param)

    def _keep(self, lark: str, compiled: GrammarConstraint) -> None:
        self._kept[lark] = compiled
        self._kept_chars += len(lark)
        while len(self._kept) > MAX_KEPT or self._kept_chars > MAX_KEPT_CHARS:
            forgotten, _ = self._kept.popitem(last=False)
            self._kept_chars -= len(forgotten)


@cache
def _limits() -> "LLParserLimits":
    """Fuel is used up at some 50 a microsecond in compiling and 14 in a mask: 20 and 15 ms."""
    from llguidance import LLParserLimits  # noqa: PLC0415 - 50 ms that most loads never need

    return LLParserLimits(
        initial_lexer_fuel=1_000_000,
        step_lexer_fuel=200_000,
        step_max_items=50_000,
        max_lexer_states=50_000,
        max_grammar_size=200_000,
        verbose_errors=False,
    )


def _run(trie: "LLTokenizer", lark: str, results: "Results") -> None:
    """Put the matcher and its first mask, which also proves that there is a first token."""
    from llguidance import LLMatcher  # noqa: PLC0415 - as above

    matcher = LLMatcher(trie, LLMatcher.grammar_from_lark(lark), log_level=0, limits=_limits())
    results.put((matcher, b"" if matcher.is_error() else matcher.compute_bitmask()))


def _reason(matcher: "LLMatcher") -> str:
    """What llguidance says, without its drawing of where in our source."""
    message = matcher.get_error()
    if _ONE_OF in message:
        return "oneOf: its schemas may overlap; give each a constant that is required, or use anyOf"
    if _NO_TEXT in message:
        return "no text satisfies it; give it a way to end that does not lead back to itself"
    lines = itertools.takewhile(lambda line: not _DRAWING.match(line), message.split("\n"))
    return _PLACE.sub("", " ".join(" ".join(lines).split()))[:_MESSAGE_CHARS]
