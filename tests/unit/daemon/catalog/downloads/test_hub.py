"""Whom the hub's client trusts, and with what."""

import logging

import pytest

from tests.unit.daemon.catalog.downloads.conftest import REPOSITORY, TOKEN, Stop, Yard
from velocity_local.config.hub import HubAccess
from velocity_local.core.errors import HubError, ModelNotFound
from velocity_local.daemon.catalog.fetch import Interrupted
from velocity_local.daemon.catalog.hub import Hub


def test_the_token_goes_to_the_hub_and_never_to_its_storage(yard: Yard) -> None:
    yard.pull()
    with_token = [asked.path for asked in yard.hub.requests if "Authorization" in asked.headers]
    assert yard.hub.storage
    assert len(with_token) == len(yard.hub.requests) - len(yard.hub.storage)
    assert not any(path.startswith("/storage/") for path in with_token)


def test_neither_token_nor_signed_addresses_are_logged(
    yard: Yard, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    yard.pull()
    assert "secret-signature" not in caplog.text
    assert TOKEN not in caplog.text
    assert TOKEN not in repr(HubAccess(yard.hub.url, TOKEN))


@pytest.mark.parametrize("token", ["hf_canary\nX-Evil: 1", "hf_cän\u00e4ry", "hf_\x00"])
def test_a_token_that_is_none_is_refused_without_being_told(yard: Yard, token: str) -> None:
    with pytest.raises(HubError) as told:
        Hub(HubAccess(yard.hub.url, token)).repository(REPOSITORY)
    assert "hf_" not in str(told.value)
    assert yard.hub.requests == []


@pytest.mark.parametrize(
    "location",
    [
        "http://example.com/file",
        "ftp://127.0.0.1/file",
        "file:///etc/passwd",
        "//example.com/file",
        "http://[broken",
        "http://localhost.example.com/",
        "http://127.0.0.1@example.com/",
        "http://127.0.0.1:99999/",
    ],
)
def test_a_redirect_to_anything_but_https_is_refused(yard: Yard, location: str) -> None:
    yard.hub.faults.location = location
    with pytest.raises(HubError, match="redirects"):
        yard.pull(Stop())


def test_redirects_without_end_are_refused(yard: Yard) -> None:
    yard.hub.faults.location = f"/{REPOSITORY}/again"
    with pytest.raises(HubError, match="more than 3"):
        yard.pull(Stop())
    asked = [request for request in yard.hub.requests if "/api/" not in request.path]
    assert len(asked) == 4


@pytest.mark.parametrize(
    "endpoint",
    ["http://example.com", "ftp://127.0.0.1", "https://user:word@example.com", "example.com", ""],
)
def test_an_endpoint_that_is_not_safe_is_never_asked(endpoint: str) -> None:
    with pytest.raises(HubError, match="HF_ENDPOINT"):
        Hub(HubAccess(endpoint)).repository("owner/model")


def test_a_repository_that_is_not_shown_is_not_found(yard: Yard) -> None:
    with pytest.raises(ModelNotFound, match="owner/other"):
        yard.client().repository("owner/other")


def test_a_hub_that_fails_may_be_asked_again(yard: Yard) -> None:
    yard.hub.faults.api_status = 500
    with pytest.raises(Interrupted, match="500"):
        yard.client().repository(REPOSITORY)


def test_nobody_at_the_address_is_an_interruption() -> None:
    with pytest.raises(Interrupted, match="broke off"):
        Hub(HubAccess("http://127.0.0.1:1")).repository(REPOSITORY)


def test_files_without_a_sound_hash_are_left_out(yard: Yard) -> None:
    yard.hub.put(REPOSITORY, **{"other-Q8_0.gguf": b"x"})
    yard.hub.hashes["other-Q8_0.gguf"] = "../evil"
    files = yard.client().repository(REPOSITORY).files
    assert [file.path for file in files] == ["model-Q4_K_M.gguf"]
