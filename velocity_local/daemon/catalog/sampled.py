"""Names a large file's content without reading all of it."""

import hashlib
import os
from typing import BinaryIO

SAMPLE_BYTES = 64 * 1024
SAMPLES = 4


def sampled_digest(file: BinaryIO, size_bytes: int, data_offset: int) -> str:
    """SHA-256 over size, what is before `data_offset`, and samples from there to the end.

    Reading all of a model takes many seconds; two models with the same header and size (a
    model and its finetune) still differ almost everywhere in their data.
    """
    digest = hashlib.sha256(size_bytes.to_bytes(8, "little"))
    file.seek(0)
    digest.update(file.read(data_offset))
    last = max(size_bytes - SAMPLE_BYTES, data_offset)
    for sample in range(SAMPLES):
        file.seek(data_offset + (last - data_offset) * sample // (SAMPLES - 1), os.SEEK_SET)
        digest.update(file.read(SAMPLE_BYTES))
    return digest.hexdigest()


def joined_digest(digests: list[str]) -> str:
    """One name for the content of several files; of one, its own."""
    return (
        digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    )
