"""Command-R: `Action:` and a fenced list of `{"tool_name": ..., "parameters": {...}}`.

`directly-answer` is no tool: it says that the answer follows.
https://docs.cohere.com/docs/prompting-command-r
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.json_calls import TaggedCalls
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "command_r"
OPEN = "Action:"
_FENCE = "```json"
_CLOSE = "```"
MARKERS = ()
TRIGGERS = (OPEN,)
OPENERS = ()


class Parser(TaggedCalls):
    OPENS = (f"{OPEN}\n{_FENCE}", f"{OPEN} {_FENCE}")
    CLOSE = _CLOSE
    NAMES = ("tool_name",)


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:  # noqa: ARG001 - it has no markers
    return lark.json_list(
        tools,
        parallel=parallel,
        before=lark.quoted(f"{OPEN}\n{_FENCE}\n"),
        after=lark.quoted(_CLOSE),
        name="tool_name",
        arguments="parameters",
    )
