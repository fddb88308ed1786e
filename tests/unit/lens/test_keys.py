"""Where a key is looked for."""

import sys

import pytest

from velocity_local.lens.errors import BadScenario, NoKey
from velocity_local.lens.keys import find_key
from velocity_local.lens.providers.registry import provider_named
from velocity_local.lens.scenarios import Target

OPENAI = provider_named("openai")
ANY = provider_named("openai_compatible")
RING = {("lens", "me"): "from the ring"}


def read_keyring(service: str, user: str) -> str | None:
    return RING.get((service, user))


def test_the_providers_own_variable() -> None:
    assert find_key(Target(), OPENAI, {"OPENAI_API_KEY": "k"}) == "k"
    gemini = provider_named("gemini")
    assert find_key(Target(), gemini, {"GOOGLE_API_KEY": "k"}) == "k"


def test_the_variable_that_is_named_wins() -> None:
    environ = {"OPENAI_API_KEY": "k", "OTHER": "o"}
    assert find_key(Target(key_env="OTHER"), OPENAI, environ) == "o"


def test_a_keyring_entry() -> None:
    target = Target(keyring="lens/me")
    assert find_key(target, OPENAI, {}, read_keyring=read_keyring) == "from the ring"


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (Target(), NoKey, "OPENAI_API_KEY"),
        (Target(key_env="OTHER"), NoKey, "OTHER is not set"),
        (Target(keyring="lens/you"), NoKey, "keyring set lens you"),
        (Target(keyring="lens"), BadScenario, "service/user"),
    ],
)
def test_no_key_says_what_to_do(target: Target, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        find_key(target, OPENAI, {"OTHER": ""}, read_keyring=read_keyring)


def test_a_server_of_ones_own_needs_none() -> None:
    assert find_key(Target(url="http://127.0.0.1:1/v1"), ANY, {}) is None
    assert find_key(Target(url="http://127.0.0.1:1/v1"), OPENAI, {}) is None


def test_without_the_package_a_keyring_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(NoKey, match=r"velocity-local\[keyring\]"):
        find_key(Target(keyring="lens/me"), OPENAI, {})


@pytest.mark.parametrize("key", ["two\nlines", "schlüssel"])
def test_a_key_that_no_header_may_have_is_refused_without_being_shown(key: str) -> None:
    with pytest.raises(NoKey, match="characters") as caught:
        find_key(Target(), OPENAI, {"OPENAI_API_KEY": key})
    assert key not in str(caught.value)
