"""Mistral: `[TOOL_CALLS]` before a list of calls, or before each call's name.

Tokenizers up to version 7 write `[TOOL_CALLS][{"name": ..., "arguments": {...}, "id": ...}]`,
later ones `[TOOL_CALLS]name[CALL_ID]id[ARGS]{...}`, with or without the id.
https://docs.mistral.ai/cookbooks/concept-deep-dive-tokenization-tool_calling
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.call_parser import Steps
from velocity_local.worker.chat.tools.json_calls import JsonCallParser
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "mistral"
OPEN = "[TOOL_CALLS]"
CALL_ID = "[CALL_ID]"
ARGS = "[ARGS]"
MARKERS = (OPEN, CALL_ID, ARGS)
TRIGGERS = (OPEN,)
OPENERS = ()


class Parser(JsonCallParser):
    """Reads both forms."""

    def read(self) -> Steps[None]:
        while (yield from self.until(OPEN)):
            is_json = (yield from self.peek_next()) in ("[", "{")
            if not (yield from (self.calls() if is_json else self._named())):
                self.give_back()

    def _named(self) -> Steps[bool]:
        name = yield from self.run("[{\n")
        if (yield from self.accept(CALL_ID)):
            yield from self.run("[{\n")
        yield from self.accept(ARGS)
        return (yield from self.stream_named(name.strip()))


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    return lark.json_list(tools, parallel=parallel, before=mark(OPEN), after="")
