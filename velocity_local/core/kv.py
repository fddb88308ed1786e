"""How much of what a model has computed is kept once it leaves the device."""

from typing import Literal

import msgspec


class KvTiers(msgspec.Struct, frozen=True, omit_defaults=True):
    """Room for cells: `ram_bytes` of memory, `disk_bytes` of files below `folder`; 0 means none.

    At most `write_bytes_per_hour` are written. The files of a model are in the folder of its
    `fingerprint`, authenticated by a `key` of its own that opens nothing else.
    """

    ram_bytes: int = 0
    disk_bytes: int = 0
    write_bytes_per_hour: int = 0
    folder: str = ""
    fingerprint: str = ""
    key: bytes = b""

    def __repr__(self) -> str:
        return f"KvTiers({self.ram_bytes}, {self.disk_bytes}, {self.folder!r})"

    @property
    def has_disk(self) -> bool:
        return bool(self.ram_bytes and self.disk_bytes and self.folder)


NO_TIERS = KvTiers()

Tier = Literal["device", "memory", "disk"]


class KvEntry(msgspec.Struct, frozen=True):
    """Cells of `n_tokens` tokens that are kept, those before `start` elsewhere.

    `begins` is how the whole sequence's text begins.
    """

    tier: Tier
    n_tokens: int
    start: int
    n_bytes: int
    adapter: str
    is_running: bool
    begins: str


class KvMatch(msgspec.Struct, frozen=True):
    """A prompt beside the kept one that is nearest to it, or beside another prompt.

    They share `n_shared` tokens; `n_reusable` would not be computed now. `before` is the text
    up to where they part, `yours` and `theirs` are how it goes on.
    """

    n_prompt: int
    n_other: int
    n_shared: int
    n_reusable: int
    tier: Tier | None
    before: str
    yours: str
    theirs: str


class KvState(msgspec.Struct, frozen=True):
    """What one model keeps. Without memory for it, `ram_limit_bytes` is 0."""

    entries: tuple[KvEntry, ...]
    ram_used_bytes: int
    ram_limit_bytes: int
    match: KvMatch | None = None
