r"""GigaChat 3: the answer goes on with a message of another role, which is one call.

`<|message_sep|>\n\nfunction call<|role_sep|>\n{"name": ..., "arguments": {...}}`
https://huggingface.co/ai-sage/GigaChat3-10B-A1.8B
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.json_calls import TaggedCalls
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "gigachat"
_END_OF_MESSAGE = "<|message_sep|>"
_END_OF_ROLE = "<|role_sep|>"
_ROLE = f"function call{_END_OF_ROLE}"
OPEN = f"{_END_OF_MESSAGE}\n\n{_ROLE}"
MARKERS = (_END_OF_MESSAGE, _END_OF_ROLE)
TRIGGERS = (OPEN,)
OPENERS = ()


class Parser(TaggedCalls):
    """Reads a call without the end of the answer before it as well, which is dropped with it."""

    OPENS = (OPEN, _ROLE)
    CLOSE = _END_OF_MESSAGE


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    """One call, which is all that the family's answers have."""
    del parallel
    before = lark.Markup(MARKERS, mark).write(f"{OPEN}\n")
    return lark.calls(tools, lark.json_call, parallel=False, before=before)
