"""Reasoning budgets of requests, as constraints over tokens."""

from velocity_local.core.errors import InternalError
from velocity_local.worker.chat.thinking import Block, Thinking
from velocity_local.worker.constraints.budget import Frame, ReasoningBudget
from velocity_local.worker.engine.backend import Tokenizer
from velocity_local.worker.engine.sequence import SequenceSpec

# gpt-oss: an analysis that is over is followed by the header of the final message.
_ANALYSIS = "<|channel|>analysis<|message|>"
_END = "<|end|>"
_TO_FINAL = f"{_END}<|start|>assistant<|channel|>final<|message|>"


class Budgets:
    """Makes budgets for one model that writes its reasoning as `thinking` says."""

    def __init__(self, tokenizer: Tokenizer, thinking: Thinking) -> None:
        self._tokenizer = tokenizer
        if isinstance(thinking, Block):
            self._frame = Frame(
                thinking.open, thinking.close, self._encode(f"\n{thinking.close[0]}\n\n")
            )
        else:
            self._frame = Frame((_ANALYSIS,), (_END,), self._encode(_TO_FINAL))

    def bounded(
        self, spec: SequenceSpec, budget_tokens: int, *, starts_inside: bool
    ) -> SequenceSpec:
        """`spec` with a reasoning of at most so many tokens; what was emitted is counted."""
        budget = ReasoningBudget(
            self._tokenizer, self._frame, budget_tokens=budget_tokens, starts_inside=starts_inside
        )
        for token in spec.emitted:
            if not budget.accept(token):
                raise InternalError("an answer that was begun has overspent its reasoning budget")
        if spec.constraint is not None:
            budget.hold(spec.constraint)
        return spec._replace(constraint=budget)

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special=False, parse_special=True))
