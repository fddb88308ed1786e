"""The dialects known, and which of them a chat template teaches its model."""

from velocity_local.worker.chat.tools import hermes
from velocity_local.worker.chat.tools.parser import Dialect

DIALECTS: tuple[Dialect, ...] = (hermes,)


def dialect_of(template: str) -> Dialect | None:
    return next((dialect for dialect in DIALECTS if dialect.recognises(template)), None)
