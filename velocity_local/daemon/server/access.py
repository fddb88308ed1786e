"""Who may call what. Decided once from the path, before a router has seen it.

A path is judged only in its canonical form: what a router could read in a second way (doubled
slashes, dot segments, backslashes, control characters) names no route at all.
"""

import enum
import hashlib
import hmac
import re
from collections.abc import Iterable

import msgspec

from velocity_local.core.queueing import DEFAULT_PRIORITY, Priority

MANAGEMENT_PREFIX = "/api/v1"
PUBLIC_PATHS = frozenset({"/health", "/docs"})  # the page is empty without /openapi.json

_CANONICAL = re.compile(r"/|(?:/(?!\.{1,2}(?:/|$))[^/\\\x00-\x1f\x7f]+)+")


class Access(enum.Enum):
    """What a caller has to show."""

    PUBLIC = enum.auto()
    INFERENCE = enum.auto()
    MANAGEMENT = enum.auto()


def access_of(path: str) -> Access | None:
    """What `path` (percent-decoded) asks for; None if it is not canonical."""
    if _CANONICAL.fullmatch(path) is None:
        return None
    if path in PUBLIC_PATHS:
        return Access.PUBLIC
    if path == MANAGEMENT_PREFIX or path.startswith(MANAGEMENT_PREFIX + "/"):
        return Access.MANAGEMENT
    return Access.INFERENCE


def digest(secret: str) -> bytes:
    """SHA-256 of a key: keys are random 256-bit values, so a slow hash would add nothing."""
    return hashlib.sha256(secret.encode()).digest()


class Caller(msgspec.Struct, frozen=True):
    """Who asks: the name of its API key, empty without one, and the class of its requests."""

    name: str = ""
    priority: Priority = DEFAULT_PRIORITY


_ANYBODY = Caller()


class Credentials(msgspec.Struct, frozen=True):
    """Digests of the install token and of the API keys; the secrets themselves are not kept."""

    install_token: bytes
    api_keys: tuple[tuple[bytes, Caller], ...] = ()

    @classmethod
    def of(cls, install_token: str, api_keys: Iterable[str] = ()) -> "Credentials":
        """Credentials whose callers are named by the number of their key."""
        callers = ((digest(key), Caller(str(i))) for i, key in enumerate(api_keys))
        return cls(digest(install_token), tuple(callers))

    def caller(self, access: Access, presented: bytes | None) -> Caller | None:
        """Who may have `access` with the presented secret; None if that opens it to nobody.

        The time it takes does not tell why.
        """
        if access is Access.PUBLIC:
            return _ANYBODY
        if access is Access.INFERENCE and not self.api_keys:
            return _ANYBODY
        if presented is None:
            return None
        keys = self.api_keys if access is Access.INFERENCE else ()
        shown = hashlib.sha256(presented).digest()
        known = ((self.install_token, _ANYBODY), *keys)
        matches = [caller for secret, caller in known if hmac.compare_digest(shown, secret)]
        return matches[0] if matches else None
