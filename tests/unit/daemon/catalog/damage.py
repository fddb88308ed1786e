"""Random damage to a file's bytes."""

import random
import struct
from collections.abc import Callable


def mutate(random_: random.Random, data: bytes) -> bytes:
    """One to eight changes: bits, bytes, lengths, cuts, copies."""
    out = bytearray(data)
    for _ in range(random_.randint(1, 8)):
        at = random_.randrange(len(out))
        changes: tuple[Callable[[], bytes], ...] = (
            lambda at=at: bytes([out[at] ^ (1 << random_.randrange(8))]),  # type: ignore[misc]  # default binds the loop's value
            lambda: bytes([random_.randrange(256)]),
            lambda: struct.pack("<Q", random_.choice([0, 2**31, 2**32, 2**63, 2**64 - 1])),
            lambda: random_.randbytes(4),
            lambda: b"",
        )
        piece = random_.choice(changes)()
        out[at : at + max(1, len(piece))] = piece
        if not out:
            return b""
    return bytes(out)
