"""Requests to switches, family by family: the variables are those of real templates."""

import pytest

from velocity_local.core.errors import InvalidRequest, UnsupportedField
from velocity_local.core.reasoning import Reasoning, Scalar
from velocity_local.worker.chat.switches import Resolved, Switches, resolve


def switches(
    *reads: str, levels: tuple[str, ...] = (), reasons: bool = True, can_be_closed: bool = True
) -> Switches:
    return Switches(frozenset(reads), levels, reasons, can_be_closed)


QWEN = switches("enable_thinking")
DEEPSEEK_V31 = switches("thinking")
DEEPSEEK_V4 = switches("thinking", "reasoning_effort", levels=("max",))
MINIMAX_M3 = switches("thinking_mode")
GPT_OSS = switches("reasoning_effort", levels=("low", "medium", "high"), can_be_closed=False)
HUNYUAN = switches("reasoning_effort", levels=("no_think", "low", "high"))
KIMI_K3 = switches("thinking", "thinking_effort", levels=("low", "high", "max"))
SEED = switches("thinking_budget")
R1 = switches()
PHI = switches(reasons=False, can_be_closed=False)

CASES: list[tuple[str, Switches, Reasoning, dict[str, Scalar], Resolved]] = [
    ("nothing asked", QWEN, Reasoning(), {}, Resolved({}, None)),
    ("off", QWEN, Reasoning("none"), {}, Resolved({"enable_thinking": False}, None)),
    (
        "a word where there is only a switch is a budget",
        QWEN,
        Reasoning("low"),
        {},
        Resolved({"enable_thinking": True}, 1024),
    ),
    ("high has no budget", QWEN, Reasoning("high"), {}, Resolved({"enable_thinking": True}, None)),
    (
        "a budget sent wins",
        QWEN,
        Reasoning("low", 64),
        {},
        Resolved({"enable_thinking": True}, 64),
    ),
    ("a budget alone leaves the switch", DEEPSEEK_V31, Reasoning(None, 64), {}, Resolved({}, 64)),
    ("no budget is off", QWEN, Reasoning(None, 0), {}, Resolved({"enable_thinking": False}, None)),
    (
        "the switch by another family's name",
        DEEPSEEK_V31,
        Reasoning(),
        {"enable_thinking": True},
        Resolved({"thinking": True}, None),
    ),
    (
        "a switch of words",
        MINIMAX_M3,
        Reasoning(),
        {"thinking": False},
        Resolved({"thinking_mode": "disabled"}, None),
    ),
    (
        "a variable sent by name stays",
        KIMI_K3,
        Reasoning("low"),
        {"thinking_effort": "max"},
        Resolved({"thinking": True, "thinking_effort": "max"}, None),
    ),
    ("its own word", GPT_OSS, Reasoning("high"), {}, Resolved({"reasoning_effort": "high"}, None)),
    (
        "the nearest word",
        GPT_OSS,
        Reasoning("minimal"),
        {},
        Resolved({"reasoning_effort": "low"}, None),
    ),
    (
        "of two neighbours the greater",
        KIMI_K3,
        Reasoning("medium"),
        {},
        Resolved({"thinking": True, "thinking_effort": "high"}, None),
    ),
    (
        "a word too far away is none",
        DEEPSEEK_V4,
        Reasoning("low"),
        {},
        Resolved({"thinking": True}, 1024),
    ),
    (
        "off by a word",
        HUNYUAN,
        Reasoning("none"),
        {},
        Resolved({"reasoning_effort": "no_think"}, None),
    ),
    ("off by a budget", SEED, Reasoning("none"), {}, Resolved({"thinking_budget": 0}, None)),
    ("told its budget", SEED, Reasoning(None, 512), {}, Resolved({"thinking_budget": 512}, 512)),
    ("off by force", R1, Reasoning("none"), {}, Resolved({}, 0)),
    ("off where nothing is on", PHI, Reasoning("none"), {"thinking": False}, Resolved({}, None)),
]


@pytest.mark.parametrize(
    ("template", "asked", "kwargs", "expected"),
    [pytest.param(*case[1:], id=case[0]) for case in CASES],
)
def test_resolved(
    template: Switches, asked: Reasoning, kwargs: dict[str, Scalar], expected: Resolved
) -> None:
    assert resolve(asked, kwargs, template) == expected


@pytest.mark.parametrize(
    ("template", "asked", "kwargs", "param"),
    [
        (PHI, Reasoning("high"), {}, "reasoning_effort"),
        (PHI, Reasoning(None, 100), {}, "reasoning_budget_tokens"),
        (PHI, Reasoning(), {"enable_thinking": True}, "chat_template_kwargs"),
        (GPT_OSS, Reasoning("none"), {}, "reasoning_effort"),
        (GPT_OSS, Reasoning(None, 100), {}, "reasoning_budget_tokens"),
        (QWEN, Reasoning(), {"enable_citations": True}, "chat_template_kwargs.enable_citations"),
    ],
)
def test_refused_by_name(
    template: Switches, asked: Reasoning, kwargs: dict[str, Scalar], param: str
) -> None:
    with pytest.raises(UnsupportedField) as refused:
        resolve(asked, kwargs, template)
    assert refused.value.param == param


def test_what_contradicts_itself_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="reasoning_effort and chat_template_kwargs"):
        resolve(Reasoning("high"), {"enable_thinking": False}, QWEN)
