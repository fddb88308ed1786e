"""gpt-oss: a call is a message of its own, for a recipient, in the commentary channel.

`<|channel|>commentary to=functions.name <|constrain|>json<|message|>{...}<|call|>`; channels that
are no calls are told apart before (`chat/channels.py`).
https://cookbook.openai.com/articles/openai-harmony
"""

from collections.abc import Sequence

from velocity_local.worker.chat import channels
from velocity_local.worker.chat.channels import CHANNEL, CONSTRAIN, END_OF_CALL, MESSAGE, START
from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.call_parser import CallParser, Steps
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "harmony"
OPEN = f"{CHANNEL}commentary to=functions."
MARKERS = channels.MARKERS
TRIGGER = OPEN
OPENS_ANSWER = False


class Parser(CallParser):
    def read(self) -> Steps[None]:
        while (yield from self.until(OPEN)):
            recipient = yield from self.before(MESSAGE)
            name = (recipient or "").replace(CONSTRAIN, " ").split()
            if name and (yield from self.stream_named(name[0])):
                yield from self.accept_next(END_OF_CALL)
                self.drop()
            else:
                self.give_back()


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    """One call, which is all that fits into an answer: it ends with the token that ends it.

    The header of a new message may come first, as it does after reasoning.
    """
    del parallel
    markup = lark.Markup(MARKERS, mark)

    def form(tool: Offer) -> str:
        head = markup.write(f"{OPEN}{tool.name} {CONSTRAIN}json{MESSAGE}")
        return f"{head} {lark.arguments_of(tool)}"

    header = f"({markup.write(f'{START}assistant')})?"
    return lark.calls(tools, form, parallel=False, before=header)
