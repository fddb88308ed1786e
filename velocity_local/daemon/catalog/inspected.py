"""What a look at a model's files says of it, whatever their format."""

from typing import NamedTuple

from velocity_local.core.fit import Shape
from velocity_local.daemon.catalog.facts import ModelFacts


class Inspected(NamedTuple):
    """A sound model: all its files, their sizes summed, and what its headers say.

    `shape` is None where no formula tells its memory.
    """

    facts: ModelFacts
    fingerprint: str
    size_bytes: int
    parameters: int
    modified_s: int
    shape: Shape | None
