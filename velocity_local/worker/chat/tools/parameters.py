"""Calls whose arguments are written one by one between tags: shared by the XML-like dialects.

A value that can only be a string streams; any other waits for its closing tag, since what it is
shows only then.
"""

import json
from collections.abc import Sequence
from typing import NamedTuple

from velocity_local.worker.chat.tools.call_parser import CallParser, Steps, is_name
from velocity_local.worker.chat.tools.json_end import JsonStrings
from velocity_local.worker.chat.tools.parameter_values import (
    allows_text,
    as_json,
    escaped,
    is_text,
)
from velocity_local.worker.chat.tools.parser import CallIds, Offer
from velocity_local.worker.chat.tools.python_values import from_python
from velocity_local.worker.chat.tools.shapes import Schema, properties


class Tags(NamedTuple):
    """How a dialect frames calls. A name stands between `call` and `call_name_end`, a parameter's
    between `key` and `key_end`, and its value goes on to `value_end`; what opens the value, if
    anything does, is `value`. Calls may have no block.

    `is_padded`: the value stands on lines of its own, and their ends are no part of it.
    `is_shared`: all calls of an answer stand in one block, instead of one each.
    """

    block: str
    block_end: str
    call: str
    call_name_end: str
    call_end: str
    key: str
    key_end: str
    value_end: str
    value: str = ""
    is_padded: bool = False
    is_shared: bool = False


class ParameterParser(CallParser):
    """Calls in one dialect's tags; the block's own may be missing, if not `IN_BLOCK_ONLY`."""

    TAGS: Tags
    IN_BLOCK_ONLY = False

    def __init__(self, call_id: CallIds, offers: Sequence[Offer] = ()) -> None:
        super().__init__(call_id, offers)
        self._n_sent = 0
        self.root: Schema = {}
        self.schemas: dict[str, Schema] = {}

    def read(self) -> Steps[None]:
        tags = self.TAGS
        bare = "" if self.IN_BLOCK_ONLY else tags.call
        markers = tuple(filter(None, (tags.block, bare, tags.block_end)))
        while marker := (yield from self.until(*markers)):
            if marker == tags.block_end:
                self._end_of_block()
            elif marker == tags.call or (yield from self.accept_next(tags.call)):
                yield from self._named()
            else:
                self.give_back()

    def key(self) -> Steps[str | None]:
        """The next parameter's name, read on to where its value begins; None if there is none."""
        if not (yield from self.accept_next(self.TAGS.key)):
            return None
        name = yield from self.before(self.TAGS.key_end)
        has_value = not self.TAGS.value or (yield from self.accept_next(self.TAGS.value))
        return name if has_value else None

    def name(self) -> Steps[str | None]:
        """The tool's name, and what ends it."""
        return (yield from self.before(self.TAGS.call_name_end))

    def call(self, name: str) -> Steps[None]:
        """A call of `name`, from its first parameter on; if it is cut off, it stays so."""
        self.open_call(name)
        self._n_sent = 0
        offer = self.offers.get(name)
        self.root = offer.parameters_schema if offer else {}
        self.schemas = dict(properties(self.root))
        while key := (yield from self.key()):
            if not (yield from self._member(key)):
                return
        is_closed = yield from self.accept_next(self.TAGS.call_end)
        if is_closed or (yield from self.peek()):
            self.send("}" if self._n_sent else "{}")
        self.close_call()

    def _end_of_block(self) -> None:
        if self.is_after_call:
            self.drop()
        else:
            self.give_back()

    def _named(self) -> Steps[None]:
        name = yield from self.name()
        if name and is_name(name):
            yield from self.call(name)
        else:
            self.give_back()

    def _member(self, key: str) -> Steps[bool]:
        """A value up to its closing tag; False if the text ends first."""
        self.send(("{" if self._n_sent == 0 else ", ") + json.dumps(key, ensure_ascii=False) + ": ")
        self._n_sent += 1
        return (yield from self.member(key, self.schemas.get(key, {})))

    def member(self, key: str, schema: Schema) -> Steps[bool]:  # noqa: ARG002 - tags may depend on it
        """What follows a key up to the end of its value; False if the text ends first."""
        if self.TAGS.is_padded:
            yield from self.accept("\n")
        return (yield from self.value(schema, self.TAGS.value_end))

    def value(self, schema: Schema, end: str) -> Steps[bool]:
        """A value up to `end`, which is read as well; False if the text ends first."""
        if is_text(schema):
            return (yield from self.string(end))
        strings = None if allows_text(schema) else JsonStrings()
        text = yield from self.collect_until(end, strings=strings)
        if text is None:
            return False
        text = text.removesuffix("\n") if self.TAGS.is_padded else text
        source = as_json(text, schema)
        is_other = source.startswith('"') and not allows_text(schema)
        self.send(as_json(from_python(text), schema) if is_other else source)
        return True

    def string(self, end: str) -> Steps[bool]:
        """A text up to `end`, sent as it comes; False if the text ends first."""
        self.send('"')
        closes = (f"\n{end}", end) if self.TAGS.is_padded else (end,)
        if not (yield from self.stream_until(*closes, written=escaped)):
            return False
        self.send('"')
        return True
