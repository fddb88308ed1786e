r"""YandexGPT 5 Lite: `[TOOL_CALL_START]name\n{...}`, once in an answer.

https://huggingface.co/yandex/YandexGPT-5-Lite-8B-instruct
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.call_parser import CallParser, Steps
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "yandexgpt"
OPEN = "[TOOL_CALL_START]"
MARKERS = (OPEN,)
TRIGGERS = (OPEN,)
OPENERS = ()


class Parser(CallParser):
    def read(self) -> Steps[None]:
        while (yield from self.until(OPEN)):
            name = (yield from self.run("\n{")).strip()
            if not (yield from self.stream_named(name)):
                self.give_back()


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    """One call, which is all that the family's answers have."""
    del parallel

    def form(tool: Offer) -> str:
        return f"{lark.quoted(tool.name + chr(10))} {lark.arguments_of(tool)}"

    return lark.calls(tools, form, parallel=False, before=mark(OPEN))
