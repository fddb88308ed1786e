"""What a workload hands to the driver: sessions of one or more requests, with their checks."""

import re
from collections.abc import Iterator
from typing import Protocol

import msgspec

from velocity_local.lens.asks import Ask
from velocity_local.lens.results import CheckOutcome


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer must be: hold a text, match an expression, or have a known digest."""

    contains: str | None = None
    matches: str | None = None
    digest: str | None = None

    def outcome(self, text: str, digest: str | None) -> CheckOutcome:
        passed = (
            (self.contains is None or self.contains in text)
            and (self.matches is None or re.search(self.matches, text) is not None)
            and (self.digest is None or self.digest == digest)
        )
        return CheckOutcome.PASSED if passed else CheckOutcome.FAILED


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation: a first request, and what the user says after each answer."""

    prompt_id: str
    ask: Ask
    replies: tuple[str, ...] = ()
    check: Check | None = None


class Source(Protocol):
    """Where sessions come from."""

    @property
    def name(self) -> str:
        """The workload in a few words, for the result."""
        ...

    def sessions(self, *, first: int = 0) -> Iterator[Session]:
        """Without end, from number `first`."""
        ...

    def primers(self) -> Iterator[Session]:
        """What fills the server's cache first, so that it is in the state the run is about."""
        ...
