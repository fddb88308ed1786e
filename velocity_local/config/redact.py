"""Takes secrets out of text: those it was told of, and whatever has the shape of one."""

import re

MASK = "[redacted]"
_MIN_REGISTERED = 8
_SHAPES = re.compile(
    r"""
      \b(?:vlt?|sk|pk|rk)-[A-Za-z0-9_-]{16,}                 # ours, OpenAI, Anthropic, Stripe
    | \bhf_[A-Za-z0-9]{16,}                                  # Hugging Face
    | \bgh[pousr]_[A-Za-z0-9]{20,} | \bgithub_pat_\w{20,}    # GitHub
    | \bAKIA[A-Z0-9]{16}\b | \bAIza[A-Za-z0-9_-]{30,}        # AWS, Google
    | \bxox[abprs]-[A-Za-z0-9-]{10,}                         # Slack
    | \beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+   # JSON web tokens
    | (?<=://)[^\s/:@]+:[^\s/@]+(?=@)                        # user:password in an address
    """,
    re.VERBOSE,
)
_NAMED = re.compile(
    r"""(?ix)
    (?P<name> \b(?:proxy-)?authorization | \b(?:x-)?api[_-]?key | \baccess[_-]?token
            | \bpassword | \bpasswd | \bsecret | \bcookie )
    (?P<sep> ["']? \s* [:=] \s* ["']? (?:(?:bearer|basic|token)\s+)? )
    (?P<value> [^\s"',;&]{6,} )
    """
)
_BEARER = re.compile(r"(?i)\b(bearer\s+)[A-Za-z0-9._~+/=-]{8,}")


class Redactor:
    """Masks secrets in text. Registering is rare, redacting happens for each log record."""

    def __init__(self) -> None:
        self._registered: frozenset[str] = frozenset()

    def register(self, secret: str) -> None:
        """Mask `secret` wherever it appears; one too short to be a secret is ignored."""
        if len(secret) >= _MIN_REGISTERED:
            self._registered |= {secret}

    def redact(self, text: str) -> str:
        for secret in self._registered:
            text = text.replace(secret, MASK)
        text = _SHAPES.sub(MASK, text)
        text = _BEARER.sub(rf"\g<1>{MASK}", text)
        return _NAMED.sub(rf"\g<name>\g<sep>{MASK}", text)
