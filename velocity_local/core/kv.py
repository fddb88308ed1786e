"""How much of what a model has computed is kept once it leaves the device."""

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
