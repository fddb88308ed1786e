"""What of memory and disk each model may keep its computed cells in."""

import hashlib
from pathlib import Path

import psutil

from velocity_local.config.settings import EngineSettings
from velocity_local.core.kv import NO_TIERS, KvTiers
from velocity_local.core.models import ModelEntry

MAX_RAM_BYTES = 2 * 2**30
RAM_SHARE = 16


class Tiers:
    """Gives each model a folder, and a key that is worth nothing for any other."""

    def __init__(self, settings: EngineSettings, folder: Path, secret: bytes) -> None:
        self._settings = settings
        self._folder = folder
        self._secret = secret
        self._ram_bytes = _ram_bytes(settings)

    def of(self, entry: ModelEntry) -> KvTiers:
        if not self._ram_bytes:
            return NO_TIERS
        fingerprint = hashlib.sha256(entry.fingerprint.encode()).hexdigest()[:32]
        key = hashlib.blake2b(fingerprint.encode(), key=self._secret, digest_size=32).digest()
        return KvTiers(
            ram_bytes=self._ram_bytes,
            disk_bytes=self._settings.kv_disk_bytes,
            write_bytes_per_hour=self._settings.kv_write_bytes_per_hour,
            folder=str(self._folder),
            fingerprint=fingerprint,
            key=key,
        )


def _ram_bytes(settings: EngineSettings) -> int:
    if settings.kv_ram_bytes is not None:
        return settings.kv_ram_bytes
    return min(MAX_RAM_BYTES, int(psutil.virtual_memory().total) // RAM_SHARE)
