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


class Credentials(msgspec.Struct, frozen=True):
    """Digests of the install token and of the API keys; the secrets themselves are not kept."""

    install_token: bytes
    api_keys: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, install_token: str, api_keys: Iterable[str] = ()) -> "Credentials":
        return cls(digest(install_token), tuple(digest(key) for key in api_keys))

    def allow(self, access: Access, presented: bytes | None) -> bool:
        """Whether the presented secret opens `access`; the time it takes does not tell why."""
        if access is Access.PUBLIC:
            return True
        if access is Access.INFERENCE and not self.api_keys:
            return True
        if presented is None:
            return False
        keys = self.api_keys if access is Access.INFERENCE else ()
        shown = hashlib.sha256(presented).digest()
        matches = [hmac.compare_digest(shown, known) for known in (self.install_token, *keys)]
        return any(matches)
