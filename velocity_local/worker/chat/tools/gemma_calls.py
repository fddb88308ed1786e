"""Reads calls in Gemma's own notation, which has bare keys and strings between markers."""

from typing import NamedTuple

from velocity_local.worker.chat.tools.call_parser import Steps, is_name
from velocity_local.worker.chat.tools.literals import LiteralParser
from velocity_local.worker.chat.tools.parameter_values import escaped

CALL = "call:"


class GemmaForm(NamedTuple):
    """The markers around a call, and those on both sides of a string."""

    open: str
    close: str
    quote: str


class GemmaParser(LiteralParser):
    FORM: GemmaForm

    def read(self) -> Steps[None]:
        while (yield from self.until(self.FORM.open)):
            if not (yield from self._call()):
                self.give_back()

    def key(self) -> Steps[bool]:
        is_string = yield from self.string()
        if is_string is not None:
            return is_string
        return (yield from self.bare_key(":,{}[]\r\n"))

    def string(self) -> Steps[bool | None]:
        if (yield from self.peek()) == '"':
            return (yield from self._json_string())
        if not (yield from self.accept(self.FORM.quote)):
            return None
        self.send('"')
        if not (yield from self.stream_until(self.FORM.quote, written=escaped)):
            return False
        self.send('"')
        return True

    def _call(self) -> Steps[bool]:
        if not (yield from self.accept_next(CALL)):
            return False
        name = (yield from self.run("{<\r\n")).strip()
        if not is_name(name) or not (yield from self.accept("{")):
            return False
        self.open_call(name)
        yield from self.members("}")
        yield from self.accept_next(self.FORM.close)
        self.close_call()
        return True

    def _json_string(self) -> Steps[bool]:
        source = yield from self.json_value()
        self.drop()
        self.send(source or "")
        return source is not None
