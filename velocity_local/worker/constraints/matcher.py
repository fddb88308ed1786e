"""A compiled grammar at one point of one answer. Implements the engine's `Constraint`."""

from typing import TYPE_CHECKING

from velocity_local.worker.constraints.vocabulary import Vocabulary
from velocity_local.worker.engine.constraint import Unanswerable

if TYPE_CHECKING:
    from llguidance import LLMatcher


class GrammarConstraint:
    """Copies share what has been learned about the grammar, and nothing else."""

    def __init__(
        self, matcher: "LLMatcher", vocabulary: Vocabulary, first: bytes | None, param: str
    ) -> None:
        """`first` are the tokens allowed at the start; `param` is named in errors."""
        self._matcher = matcher
        self._vocabulary = vocabulary
        self._allowed = first
        self._param = param

    def copy(self, param: str | None = None) -> "GrammarConstraint":
        matcher = self._matcher.deep_copy()
        return GrammarConstraint(matcher, self._vocabulary, self._allowed, param or self._param)

    def accept(self, token: int) -> bool:
        if self.is_complete:
            return self._vocabulary.tokens.is_end(token)
        if self._matcher.try_consume_tokens([token]):
            self._allowed = None
            return True
        self._check()
        return False

    def accept_text(self, text: bytes) -> bool:
        """Go on with bytes instead of a token: all of them, or nothing has changed."""
        tokens = self._vocabulary.spell(text)
        n_accepted = self._matcher.try_consume_tokens(tokens)
        self._check()
        if tokens and n_accepted == len(tokens):
            self._allowed = None
            return True
        self._matcher.rollback(n_accepted)
        return not text

    def allowed(self) -> bytes:
        if self._allowed is None:
            self._allowed = self._matcher.compute_bitmask()
            self._check()
        return self._allowed

    @property
    def may_end(self) -> bool:
        """True if what was accepted is a whole sentence."""
        return self._matcher.is_accepting()

    @property
    def is_complete(self) -> bool:
        return self._matcher.is_stopped()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise Unanswerable(
                "the answer's format became too complex to follow; simplify it "
                f"({_first_line(self._matcher.get_error())})",
                param=self._param,
            )


def _first_line(message: str) -> str:
    return message.partition("\n")[0][:200]
