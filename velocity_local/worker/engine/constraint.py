"""The engine's port to what a sequence may say. Knows tokens, and neither grammars nor text."""

from typing import Protocol

from velocity_local.core.errors import InvalidFormat


class Constraint(Protocol):
    """Tells which tokens one sequence may go on with. Used by one thread at a time.

    Both methods raise `Unanswerable` if there is no telling, or nothing to go on with.
    """

    def accept(self, token: int) -> bool:
        """Go on with `token` if it is allowed; else nothing has changed."""
        ...

    def allowed(self) -> bytes:
        """Every token that may come next: one bit for each, lowest bit of the first byte first."""
        ...

    @property
    def is_complete(self) -> bool:
        """True if nothing but an end may follow."""
        ...


class Unanswerable(InvalidFormat):
    """The constraint cannot go on; its sequence ends in this error, and no other."""
