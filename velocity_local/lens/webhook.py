"""Tells an address, which the user gave, that a gate failed: one POST of JSON, nothing else."""

from urllib.parse import urlsplit

import httpx
import msgspec

from velocity_local.lens.gate import Gate, Outcome

SCHEMA = "velocity-local/lens-gate-webhook/1"
TIMEOUT_S = 10.0


class NotTold(Exception):
    """The address was not reached, or refused; the message names the host and never the path,
    which in many webhooks is the secret.
    """


def check_address(address: str) -> None:
    """Raises NotTold if it is no http address."""
    parts = urlsplit(address)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise NotTold("the webhook's address is not one of http or https")


def payload(gate: Gate, *, subject: str) -> bytes:
    """What is sent: `text` for chat programs, the failed rules for others."""
    failed = [check for check in gate.checks if check.outcome is Outcome.FAILED]
    lines = [f"{check.rule}: {check.message}" for check in failed]
    if gate.answers.changed:
        lines.append(f"{len(gate.answers.changed)} prompts are answered otherwise")
    document = {
        "schema": SCHEMA,
        "text": f"Latency gate failed: {subject}\n" + "\n".join(lines),
        "subject": subject,
        "is_passed": gate.is_passed,
        "failed": failed,
        "changed_answers": gate.answers.changed,
    }
    return msgspec.json.encode(document)


def tell(address: str, gate: Gate, *, subject: str, timeout_s: float = TIMEOUT_S) -> None:
    """Send it once. Redirects are not followed: the address is the one that was given.

    Raises:
        NotTold: if the address is no http address, is not reached, or does not answer with 2xx.
    """
    check_address(address)
    host = urlsplit(address).hostname
    try:
        answer = httpx.post(
            address,
            content=payload(gate, subject=subject),
            headers={"content-type": "application/json"},
            timeout=timeout_s,
            follow_redirects=False,
        )
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise NotTold(f"the webhook at {host} was not reached: {type(error).__name__}") from error
    if not answer.is_success:
        raise NotTold(f"the webhook at {host} answered {answer.status_code}")
