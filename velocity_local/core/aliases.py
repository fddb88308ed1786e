"""Names of one's own for models, with what they stood for before."""

import msgspec


class AliasVersion(msgspec.Struct, frozen=True):
    """A model that the alias stood for since `set_s`, seconds since 1970."""

    number: int
    model: str
    set_s: float


class Alias(msgspec.Struct, frozen=True):
    """`active` is the number of the version in force, `standby` of the one to go back to.

    Versions are kept in the order in which they were made, and never changed.
    """

    name: str
    active: int
    standby: int | None
    versions: tuple[AliasVersion, ...]

    @property
    def model(self) -> str:
        return self.version(self.active).model

    def version(self, number: int) -> AliasVersion:
        return next(version for version in self.versions if version.number == number)
