"""Secrets do not get into text."""

import pytest

from velocity_local.config.redact import MASK, Redactor

SECRETS = [
    "vl-Zk3J9xQ0aB7cD1eF5gH2iJ",
    "vlt-Zk3J9xQ0aB7cD1eF5gH2iJ-_",
    "sk-proj-abcdefghijklmnop1234",
    "sk-ant-api03-abcdefghijklmnop",
    "hf_abcdefghijklmnopqrstuvwx",
    "ghp_abcdefghijklmnopqrstuvwxyz0123",
    "AKIAIOSFODNN7EXAMPLE",
    "eyJhbGciOiJIUzI1.eyJzdWIiOiIxMjM0.SflKxwRJSMeKKF2QT4",
]
FRAMES = ["{}", "key {} was refused", '{{"api_key": "{}"}}', "GET /x?key={}&y=1", "Bearer {}"]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("frame", FRAMES)
def test_shapes_of_keys_are_masked(secret: str, frame: str) -> None:
    text = Redactor().redact(frame.format(secret))
    assert secret not in text
    assert MASK in text


NAMED = [
    ("Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
    ("{'x-api-key': 'plainvalue'}", "plainvalue"),
    ("password=hunter22; next", "hunter22"),
    ("https://user:hunter22@example.org/x", "hunter22"),
    ("cookie: session=abcdef123", "session"),
]


@pytest.mark.parametrize(("text", "secret"), NAMED)
def test_values_named_as_secrets_are_masked(text: str, secret: str) -> None:
    assert secret not in Redactor().redact(text)


def test_registered_secrets_are_masked_wherever_they_are() -> None:
    redactor = Redactor()
    redactor.register("tr0ub4dor&3")
    redactor.register("short")
    assert redactor.redact("a=tr0ub4dor&3b short") == f"a={MASK}b short"


PLAIN = [
    "loaded demo in 812 ms: 4.1 M parameters, 512 tokens, prefill_tokens=64",
    "POST /v1/chat/completions 200 in 35 ms",
    "prompt tokens: 12345678, completion_tokens: 12345678",
    "http://127.0.0.1:8621/v1",
    "the secret of speed is a warm cache",
]


@pytest.mark.parametrize("text", PLAIN)
def test_ordinary_lines_are_left_alone(text: str) -> None:
    assert Redactor().redact(text) == text
