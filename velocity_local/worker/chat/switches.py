"""What a request asks of the model's reasoning, in the words of one template. Pure.

Templates are switched by variables that their authors named: Qwen's and GLM's `enable_thinking`,
DeepSeek's and Granite's `thinking`, gpt-oss's `reasoning_effort`. What a template has no variable
for is enforced by a budget where that is possible, and refused by name where it is not.
"""

from collections.abc import Mapping
from typing import NamedTuple, NoReturn

from velocity_local.core.errors import InvalidRequest, UnsupportedField
from velocity_local.core.reasoning import Reasoning, Scalar

# Variables that turn reasoning off and on, with the values that do.
SWITCHES: Mapping[str, tuple[Scalar, Scalar]] = {
    "enable_thinking": (False, True),
    "thinking": (False, True),
    "thinking_mode": ("disabled", "enabled"),
}
# The two of them that clients send to any model.
ON_OFF = ("enable_thinking", "thinking")
# Variables that take a word for how hard to think.
EFFORTS = ("reasoning_effort", "thinking_effort", "reasoning_strength")
BUDGET = "thinking_budget"
OFF_WORDS = ("none", "no_think")
# The words in their order. A template's nearest word stands in for one it lacks.
RANKS = ("minimal", "low", "medium", "high", "xhigh", "max")
# What an effort may spend, in tokens, where the template knows no word for it.
EFFORT_BUDGETS: Mapping[str, int] = {"minimal": 512, "low": 1024, "medium": 8192}
_USUAL = frozenset({*SWITCHES, *EFFORTS, BUDGET, "clear_thinking", "preserve_thinking"})


class Switches(NamedTuple):
    """The variables a template reads, the words its effort takes, and whether it can reason.

    `can_be_closed`: the worker knows how the reasoning ends, and can end it.
    """

    reads: frozenset[str]
    levels: tuple[str, ...]
    reasons: bool
    can_be_closed: bool

    @property
    def effort_name(self) -> str | None:
        return next((name for name in EFFORTS if name in self.reads), None)

    @property
    def switch_name(self) -> str | None:
        return next((name for name in SWITCHES if name in self.reads), None)


class Resolved(NamedTuple):
    """Variables for the template, and how many tokens the reasoning may have; None: any."""

    kwargs: dict[str, Scalar]
    budget_tokens: int | None


def resolve(asked: Reasoning, kwargs: Mapping[str, Scalar], switches: Switches) -> Resolved:
    """The template's own words for what is asked; variables sent by name win over them.

    Raises:
        InvalidRequest: if the request contradicts itself.
        UnsupportedField: naming what neither the template nor a budget can do.
    """
    own = {name: value for name, value in kwargs.items() if _is_read(name, switches)}
    is_on = _is_on(asked, kwargs)
    if is_on is False:
        kwargs_off, budget_tokens = _off(asked, switches)
        return Resolved({**kwargs_off, **own}, budget_tokens)
    if is_on is None and asked.budget_tokens is None:
        return Resolved(own, None)
    if not switches.reasons:
        _refuse(asked, "this model's template has no reasoning; leave it out")
    kwargs_on, budget_tokens = _on(asked, switches) if is_on else ({}, asked.budget_tokens)
    if budget_tokens is not None and BUDGET in switches.reads:
        kwargs_on[BUDGET] = budget_tokens
    if budget_tokens is not None and not switches.can_be_closed:
        _refuse(asked, "how this model ends its reasoning is not known, so nothing can bound it")
    return Resolved({**kwargs_on, **own}, budget_tokens)


def _is_on(asked: Reasoning, kwargs: Mapping[str, Scalar]) -> bool | None:
    """Whether to reason, by every switch that was sent; None if none was."""
    votes: dict[str, bool] = {}
    if asked.effort is not None:
        votes["reasoning_effort"] = asked.effort != "none"
    if asked.budget_tokens == 0:
        votes["reasoning_budget_tokens"] = False
    for name in ON_OFF:
        value = kwargs.get(name)
        if isinstance(value, bool):
            votes[f"chat_template_kwargs.{name}"] = value
    if len(set(votes.values())) > 1:
        raise InvalidRequest(
            f"{' and '.join(votes)} contradict each other; send one", param=next(iter(votes))
        )
    return next(iter(votes.values()), None)


def _is_read(name: str, switches: Switches) -> bool:
    """True for a variable the template reads; False for a switch that is translated instead."""
    if name in switches.reads:
        return True
    if name in ON_OFF:
        return False
    read = ", ".join(sorted(switches.reads & _USUAL)) or "none of the usual ones"
    raise UnsupportedField(
        f"this model's template does not read {name!r}; it reads {read}",
        param=f"chat_template_kwargs.{name}",
    )


def _off(asked: Reasoning, switches: Switches) -> Resolved:
    if switches.switch_name is not None:
        return Resolved({switches.switch_name: SWITCHES[switches.switch_name][0]}, None)
    word = next((word for word in OFF_WORDS if word in switches.levels), None)
    if switches.effort_name is not None and word is not None:
        return Resolved({switches.effort_name: word}, None)
    if BUDGET in switches.reads:
        return Resolved({BUDGET: 0}, None)
    if switches.can_be_closed:
        return Resolved({}, 0)
    if switches.reasons:
        _refuse(asked, "this model's reasoning cannot be turned off; ask for less of it")
    return Resolved({}, None)


def _on(asked: Reasoning, switches: Switches) -> Resolved:
    kwargs: dict[str, Scalar] = {}
    if switches.switch_name is not None:
        kwargs[switches.switch_name] = SWITCHES[switches.switch_name][1]
    if asked.effort is None:
        return Resolved(kwargs, asked.budget_tokens)
    level = _nearest(asked.effort, switches.levels)
    if level is not None and switches.effort_name is not None:
        kwargs[switches.effort_name] = level
        return Resolved(kwargs, asked.budget_tokens)
    allowed = EFFORT_BUDGETS.get(asked.effort)
    return Resolved(kwargs, allowed if asked.budget_tokens is None else asked.budget_tokens)


def _nearest(effort: str, levels: tuple[str, ...]) -> str | None:
    """The template's word for an effort: its own, else a neighbour; of two the greater one."""
    if effort in levels:
        return effort
    rank = RANKS.index(effort)
    neighbours = (RANKS[at] for at in (rank + 1, rank - 1) if 0 <= at < len(RANKS))
    return next((word for word in neighbours if word in levels), None)


def _refuse(asked: Reasoning, why: str) -> NoReturn:
    param = "chat_template_kwargs"
    if asked.budget_tokens is not None:
        param = "reasoning_budget_tokens"
    elif asked.effort is not None:
        param = "reasoning_effort"
    raise UnsupportedField(why, param=param)
