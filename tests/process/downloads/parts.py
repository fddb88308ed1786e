"""How far a part on disk is, read as the format says and not with the code under test."""

import json
import struct
from pathlib import Path


def here_bytes(part: Path) -> int:
    """The bytes of the file that are in its part; 0 if there is none yet."""
    try:
        journal = json.loads(part.with_name(part.name + ".json").read_bytes())
        with part.open("rb") as file:
            file.seek(journal["size_bytes"])
            tail = file.read()
    except FileNotFoundError:
        return 0
    return sum(struct.unpack(f"<{len(tail) // 8}Q", tail))
