r"""DeepSeek V3 and R1: a call's name, then its arguments in a fence.

`<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>name\n```json\n{...}\n```
<｜tool▁call▁end｜>...<｜tool▁calls▁end｜>`, in one line.
https://huggingface.co/deepseek-ai/DeepSeek-V3
"""

from collections.abc import Sequence

from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.call_parser import Steps
from velocity_local.worker.chat.tools.parser import Mark, Offer
from velocity_local.worker.chat.tools.sectioned import SectionedCalls

NAME = "deepseek"
OPEN = "<｜tool▁calls▁begin｜>"
CLOSE = "<｜tool▁calls▁end｜>"
CALL_OPEN = "<｜tool▁call▁begin｜>"
CALL_CLOSE = "<｜tool▁call▁end｜>"
SEPARATOR = "<｜tool▁sep｜>"
FENCE = "```json\n"
FENCE_CLOSE = "```"
MARKERS = (OPEN, CLOSE, CALL_OPEN, CALL_CLOSE, SEPARATOR)
TRIGGERS = (OPEN, CALL_OPEN)
OPENERS = ()


class Parser(SectionedCalls):
    """Reads the fenced form and V3.1's, in which only the name and the object are left."""

    OPEN = OPEN
    CLOSE = CLOSE
    CALL_OPEN = CALL_OPEN

    def call(self) -> Steps[None]:
        name = yield from self.before(SEPARATOR, "\n", "{", CALL_CLOSE)
        if name == "function":
            name = yield from self.before("\n", "{", CALL_CLOSE)
        yield from self.accept_next(FENCE)
        if not (yield from self.stream_named(name and name.strip())):
            self.give_back()
            return
        yield from self.accept_next(FENCE_CLOSE)
        yield from self.accept_next(CALL_CLOSE)
        self.drop()


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    def form(tool: Offer) -> str:
        head = lark.quoted(f"{tool.name}\n{FENCE}")
        return (
            f'{mark(CALL_OPEN)} "function" {mark(SEPARATOR)} {head} '
            f"{lark.arguments_of(tool)} {lark.quoted(chr(10) + FENCE_CLOSE)} {mark(CALL_CLOSE)}"
        )

    return lark.calls(
        tools,
        form,
        parallel=parallel,
        before=f"({mark(OPEN)})?",
        between=lark.quoted("\n"),
        after=f"({mark(CLOSE)})?",
    )
