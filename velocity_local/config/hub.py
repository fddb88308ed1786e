"""Where the model hub is and what opens it, as the hub's own tools keep it (`HF_...`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DEFAULT_ENDPOINT = "https://huggingface.co"
_MAX_TOKEN_BYTES = 4096


@dataclass(frozen=True, slots=True)
class HubAccess:
    """The hub's address without a slash at its end, and where its token is."""

    endpoint: str = DEFAULT_ENDPOINT
    given_token: str | None = field(default=None, repr=False)
    token_file: Path | None = None

    def token(self) -> str | None:
        """The user's token: the given one, else the token file's as it is now; None if neither."""
        return self.given_token or _in_file(self.token_file)


def locate(environ: Mapping[str, str]) -> HubAccess:
    """The access that the environment names.

    https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
    """
    endpoint = environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT
    token = (environ.get("HF_TOKEN") or "").strip()
    return HubAccess(endpoint.rstrip("/"), token or None, _token_file(environ))


def _token_file(environ: Mapping[str, str]) -> Path:
    if path := environ.get("HF_TOKEN_PATH"):
        return Path(path).expanduser()
    if home := environ.get("HF_HOME"):
        return Path(home).expanduser() / "token"
    cache = Path(environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return cache / "huggingface" / "token"


def _in_file(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_TOKEN_BYTES).decode("ascii", errors="ignore").strip()
    except OSError:  # most users have none, and public models need none
        return None
    return text or None
