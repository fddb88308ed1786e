"""Padding that makes chunks of unlike text equally long on the wire (`include_obfuscation`)."""

import secrets

BLOCK_CHARS = 32


def padding(n_chars: int) -> str:
    """Random characters that fill `n_chars` up to a whole number of blocks; never none."""
    n_missing = BLOCK_CHARS - n_chars % BLOCK_CHARS
    return secrets.token_urlsafe(n_missing)[:n_missing]
