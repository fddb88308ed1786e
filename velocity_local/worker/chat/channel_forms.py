"""The families whose answers are rows of messages with headers, and what their headers say.

A call goes on with its header in one form, for the family's dialect to read.
"""

from collections.abc import Mapping

from velocity_local.worker.chat.channels import Channel, ChannelForm
from velocity_local.worker.chat.thinking import Block, Channels, Thinking

RECIPIENT = " to="


class Harmony:
    """gpt-oss: `<|start|>assistant<|channel|>analysis<|message|>...<|end|>`. Of a call, the
    recipient may stand before its channel or after it.

    https://cookbook.openai.com/articles/openai-harmony
    """

    START = "<|start|>"
    CHANNEL = "<|channel|>"
    CONSTRAIN = "<|constrain|>"
    MESSAGE = "<|message|>"
    END = "<|end|>"
    END_OF_CALL = "<|call|>"
    MARKERS = (START, CHANNEL, CONSTRAIN, MESSAGE, END, END_OF_CALL)

    @classmethod
    def read(cls, header: str) -> Channel:
        plain = Channel((cls.END, cls.END_OF_CALL), (cls.START, cls.CHANNEL))
        recipient = _recipient(header)
        if recipient not in ("", "assistant"):
            written = f"{RECIPIENT}{recipient} {cls.CONSTRAIN}json{cls.MESSAGE}"
            opening = f"{cls.CHANNEL}commentary{written}"
            return plain._replace(opening=opening, closing=cls.END_OF_CALL)
        return plain._replace(is_reasoning=f"{cls.CHANNEL}analysis" in header)


class Muse:
    """Muse Glimmer: `<|start|>assistant to=self<|message|>...<|eom|>`; the recipient is the user,
    the model itself, or a tool.
    """

    START = "<|start|>"
    MESSAGE = "<|message|>"
    END = "<|eom|>"
    END_OF_TURN = "<|eot|>"
    MARKERS = (START, MESSAGE, END, END_OF_TURN)

    @classmethod
    def read(cls, header: str) -> Channel:
        plain = Channel((cls.END, cls.END_OF_TURN), (cls.START,))
        recipient = _recipient(header)
        if recipient not in ("", "user", "self"):
            return plain._replace(opening=cls.MESSAGE)
        return plain._replace(is_reasoning=recipient == "self")


class Solar:
    """Solar Open: `<|begin|>assistant<|think|>...<|end|>`, then the content or the calls."""

    BEGIN = "<|begin|>"
    THINK = "<|think|>"
    CONTENT = "<|content|>"
    CALLS = "<|tool_calls|>"
    END = "<|end|>"
    END_OF_CALLS = "<|calls|>"
    FLUSH = "<|flush|>"
    MARKERS = (BEGIN, THINK, CONTENT, CALLS, END, END_OF_CALLS, FLUSH)

    @classmethod
    def read(cls, header: str) -> Channel:
        plain = Channel((cls.END, cls.END_OF_CALLS, cls.FLUSH), (cls.BEGIN,))
        if header.endswith(cls.CALLS):
            return plain._replace(opening=cls.CALLS)
        return plain._replace(is_reasoning=header.endswith(cls.THINK))


class KimiK3:
    """Kimi K3: sections between `<|open|>name<|sep|>` and `<|close|>name<|sep|>`; the prompt has
    opened the first.
    """

    OPEN = "<|open|>"
    CLOSE = "<|close|>"
    SEP = "<|sep|>"
    THINK, THINK_END = f"{OPEN}think{SEP}", f"{CLOSE}think{SEP}"
    RESPONSE, RESPONSE_END = f"{OPEN}response{SEP}", f"{CLOSE}response{SEP}"
    TOOLS, TOOLS_END = f"{OPEN}tools{SEP}", f"{CLOSE}tools{SEP}"
    MESSAGE_END = f"{CLOSE}message{SEP}"
    MARKERS = (OPEN, CLOSE, SEP)

    @classmethod
    def read(cls, header: str) -> Channel:
        if header == cls.THINK:
            return Channel((cls.THINK_END,), is_reasoning=True)
        if header == cls.TOOLS:
            return Channel((cls.TOOLS_END,), (cls.MESSAGE_END,), cls.TOOLS, cls.TOOLS_END)
        if header in ("", cls.RESPONSE):
            return Channel((cls.RESPONSE_END,), (cls.TOOLS, cls.MESSAGE_END))
        return Channel(has_message=False)


FORMS: Mapping[Channels, ChannelForm] = {
    "harmony": ChannelForm(
        Harmony.MARKERS,
        starts=(Harmony.START, Harmony.CHANNEL, RECIPIENT),
        stops=(Harmony.MESSAGE,),
        read=Harmony.read,
        open=(f"{Harmony.CHANNEL}analysis{Harmony.MESSAGE}",),
        close=(Harmony.END, Harmony.END_OF_CALL),
        answer=(f"{Harmony.START}assistant", f"{Harmony.CHANNEL}final{Harmony.MESSAGE}"),
    ),
    "kimi_k3": ChannelForm(
        KimiK3.MARKERS,
        starts=(KimiK3.OPEN, KimiK3.CLOSE),
        stops=(KimiK3.SEP,),
        read=KimiK3.read,
        open=(KimiK3.THINK,),
        close=(KimiK3.THINK_END,),
        answer=("", KimiK3.RESPONSE),
    ),
    "muse": ChannelForm(
        Muse.MARKERS,
        starts=(Muse.START, RECIPIENT),
        stops=(Muse.MESSAGE,),
        read=Muse.read,
        open=(f"{RECIPIENT}self{Muse.MESSAGE}",),
        close=(Muse.END, Muse.END_OF_TURN),
        answer=(f"{Muse.START}assistant", f"{RECIPIENT}user{Muse.MESSAGE}"),
    ),
    "solar": ChannelForm(
        Solar.MARKERS,
        starts=(Solar.BEGIN, Solar.THINK, Solar.CONTENT, Solar.CALLS),
        stops=(Solar.THINK, Solar.CONTENT, Solar.CALLS),
        read=Solar.read,
        open=(Solar.THINK,),
        close=(Solar.END, Solar.END_OF_CALLS, Solar.FLUSH),
        answer=(f"{Solar.BEGIN}assistant", Solar.CONTENT),
    ),
}


def framing(thinking: Thinking) -> Block | ChannelForm:
    """What a family's name for its form of reasoning stands for."""
    return thinking if isinstance(thinking, Block) else FORMS[thinking]


def _recipient(header: str) -> str:
    """The last that a header names."""
    words = header.rpartition(RECIPIENT)[2].split("<")[0].split() if RECIPIENT in header else ()
    return words[0] if words else ""
