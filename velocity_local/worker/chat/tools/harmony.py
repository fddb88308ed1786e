"""gpt-oss: a call is a message of its own, for a recipient, in the commentary channel.

`<|channel|>commentary to=functions.name <|constrain|>json<|message|>{...}<|call|>`, or with the
recipient before the channel; channels that are no calls are told apart before
(`chat/channel_forms.py`).
https://cookbook.openai.com/articles/openai-harmony
"""

from collections.abc import Sequence

from velocity_local.worker.chat.channel_forms import RECIPIENT, Harmony
from velocity_local.worker.chat.tools import lark
from velocity_local.worker.chat.tools.call_parser import CallParser, Steps
from velocity_local.worker.chat.tools.parser import Mark, Offer

NAME = "harmony"
_HEADER = f"{Harmony.START}assistant"
_COMMENTARY = f"{Harmony.CHANNEL}commentary"
_FUNCTION = f"{RECIPIENT}functions."
OPEN = f"{_COMMENTARY}{_FUNCTION}"
MARKERS = Harmony.MARKERS
TRIGGERS = (OPEN, f"{Harmony.CHANNEL}analysis{_FUNCTION}", f"{_HEADER}{_FUNCTION}")
OPENERS = (_FUNCTION,)


class Parser(CallParser):
    def read(self) -> Steps[None]:
        while (yield from self.until(OPEN)):
            recipient = yield from self.before(Harmony.MESSAGE)
            name = (recipient or "").partition(" ")[0].partition("<")[0]
            if (yield from self.stream_named(name)):
                yield from self.accept_next(Harmony.END_OF_CALL)
                self.drop()
            else:
                self.give_back()


def grammar(tools: Sequence[Offer], *, parallel: bool, mark: Mark) -> str:
    """One call, which is all that fits into an answer: it ends with the token that ends it.

    The header of a new message may come first, as it does after reasoning.
    """
    del parallel
    markup = lark.Markup(MARKERS, mark)
    before = f"({markup.write(_COMMENTARY)} | {markup.write(f'{Harmony.CHANNEL}analysis')})?"
    after = f"{before} ({lark.quoted(' ')}? {markup.write(f'{Harmony.CONSTRAIN}json')})?"

    def form(tool: Offer) -> str:
        head = f"{before} {lark.quoted(_FUNCTION + tool.name)} {after}"
        return f"{head} {markup.write(Harmony.MESSAGE)} {lark.arguments_of(tool)}"

    return lark.calls(tools, form, parallel=False, before=f"({markup.write(_HEADER)})?")
