"""When Python looks for garbage: a full collection looks at every object, which takes up to half a
second where much is laid out, and a key would wait for it.
"""

import gc

_USUAL = gc.get_threshold()
_NEVER = 1_000_000_000


def hold_full_collections() -> None:
    """Make none until they are released; what is young is still collected."""
    gc.set_threshold(*_USUAL[:2], _NEVER)


def release_full_collections() -> None:
    """Make them when they are due."""
    gc.set_threshold(*_USUAL)
