"""Model families: what a chat template's own text tells of the forms its model writes.

Values and the choice among them; `worker/family_files.py` reads them from `models/families`.
"""

from collections.abc import Iterable

import msgspec

from velocity_local.worker.chat.thinking import THINK, Thinking


class Family(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Templates that have all of `marks` and none of `without` are of this family.

    `tools` names a dialect of `chat/tools`; None is a family whose calls have no form known here.
    """

    name: str
    marks: tuple[str, ...]
    without: tuple[str, ...] = ()
    tools: str | None = None
    thinking: Thinking = THINK

    def recognises(self, template: str) -> bool:
        has_all = all(mark in template for mark in self.marks)
        return has_all and not any(mark in template for mark in self.without)


UNKNOWN = Family("unknown", ())


def family_of(template: str, families: Iterable[Family]) -> Family:
    """The family with the most marks, if several recognise `template`; `UNKNOWN` if none does."""
    found = [family for family in families if family.recognises(template)]
    return max(found, key=lambda family: (len(family.marks), family.name), default=UNKNOWN)
