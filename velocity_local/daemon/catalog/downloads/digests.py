"""The hashes with which a hub names a file's content: `sha256:HEX`, or `git:HEX` for small ones.

Git's is SHA-1 over `blob SIZE`, a zero byte, and the content
(https://git-scm.com/book/en/v2/Git-Internals-Git-Objects).
"""

import hashlib
import re

_NAMED = re.compile(r"sha256:[0-9a-f]{64}|git:[0-9a-f]{40}")


def is_digest(named: str) -> bool:
    return _NAMED.fullmatch(named) is not None


class Hasher:
    """Computes the digest of a file of `size_bytes` in the manner of the one promised."""

    def __init__(self, promised: str, size_bytes: int) -> None:
        self._scheme = promised.partition(":")[0]
        if self._scheme == "git":
            head = b"blob %d\0" % size_bytes
            self._hash = hashlib.sha1(head, usedforsecurity=False)
        else:
            self._hash = hashlib.sha256()

    def update(self, piece: bytes | memoryview) -> None:
        self._hash.update(piece)

    def digest(self) -> str:
        """In the form of the promised one."""
        return f"{self._scheme}:{self._hash.hexdigest()}"
