"""Reasoning budgets of requests, as constraints over tokens."""

from velocity_local.core.errors import InternalError
from velocity_local.worker.chat.channel_forms import framing
from velocity_local.worker.chat.channels import ChannelForm
from velocity_local.worker.chat.thinking import Thinking
from velocity_local.worker.constraints.budget import Frame, ReasoningBudget
from velocity_local.worker.engine.backend import Tokenizer
from velocity_local.worker.engine.sequence import SequenceSpec


class Budgets:
    """Makes budgets for one model that writes its reasoning as `thinking` says."""

    def __init__(self, tokenizer: Tokenizer, thinking: Thinking) -> None:
        self._tokenizer = tokenizer
        form = framing(thinking)
        close = form.close[0]
        if isinstance(form, ChannelForm):
            # The header of the answer proper follows, unless a constraint knows what must.
            after, self._ending = "".join(form.answer), self._encode(close)
        else:
            after, close = "\n\n", f"\n{close}"
            self._ending = self._encode(f"{close}{after}")
        opening = tuple(text.lstrip() for text in form.open)
        self._frame = Frame(opening, form.close, self._encode(f"{close}{after}"))

    def bounded(
        self, spec: SequenceSpec, budget_tokens: int, *, starts_inside: bool
    ) -> SequenceSpec:
        """`spec` with a reasoning of at most so many tokens; what was emitted is counted."""
        frame = self._frame
        if spec.constraint is not None:
            frame = frame._replace(ending=self._ending)
        budget = ReasoningBudget(
            self._tokenizer, frame, budget_tokens=budget_tokens, starts_inside=starts_inside
        )
        for token in spec.emitted:
            if not budget.accept(token):
                raise InternalError("an answer that was begun has overspent its reasoning budget")
        if spec.constraint is not None:
            budget.hold(spec.constraint)
        return spec._replace(constraint=budget)

    def _encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special=False, parse_special=True))
