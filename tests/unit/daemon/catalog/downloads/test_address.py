"""A file at an address that is no hub's: fetched with its hash alone, and from whom one may ask."""

import hashlib
import socket
from urllib.parse import urlsplit

import pytest

from tests.support.hub import COMMIT
from tests.unit.daemon.catalog.downloads.conftest import DATA, FILE, REPOSITORY, TOKEN, Stop, Yard
from velocity_local.core.errors import HubError, InvalidRequest, ModelNotFound
from velocity_local.daemon.catalog.downloads.address import Address, check_public

RIGHT = hashlib.sha256(DATA).hexdigest()


def address(yard: Yard) -> str:
    return f"{yard.hub.url}/{REPOSITORY}/resolve/{COMMIT}/{FILE}?signature=private"


async def test_a_file_comes_with_its_hash_and_without_the_token(yard: Yard) -> None:
    delivery = await yard.orders().placed(address(yard), RIGHT.upper())
    delivery.run(Stop())
    assert delivery.model == "127.0.0.1/model-Q4_K_M"
    assert (yard.models / "127.0.0.1" / FILE).read_bytes() == DATA
    assert TOKEN not in str(yard.hub.requests)
    assert "private" not in (yard.models / "127.0.0.1" / f".{FILE}.origin").read_text()


async def test_a_broken_transfer_goes_on(yard: Yard) -> None:
    yard.hub.faults.cut_after = lambda number: 100_000 if number == 1 else None
    delivery = await yard.orders().placed(address(yard), RIGHT)
    delivery.run(Stop())
    assert [asked.first_byte for asked in yard.hub.storage] == [0, 0, 100_000]


async def test_other_bytes_than_promised_are_not_kept(yard: Yard) -> None:
    delivery = await yard.orders().placed(address(yard), "0" * 64)
    with pytest.raises(HubError, match="SHA-256"):
        delivery.run(Stop())
    assert not list(yard.models.rglob("*.gguf"))


async def test_without_a_hash_it_is_said_what_to_do(yard: Yard) -> None:
    with pytest.raises(InvalidRequest, match=r"no hub.*--sha256.*pull its path"):
        await yard.orders().placed(address(yard), None)
    assert yard.hub.requests == []


async def test_a_hash_beside_a_repository_is_refused(yard: Yard) -> None:
    with pytest.raises(InvalidRequest, match="a hub promises its own"):
        await yard.orders().placed(f"{REPOSITORY}:Q4_K_M", RIGHT)


@pytest.mark.parametrize("digest", ["", "abc", "0" * 63, "g" * 64])
async def test_what_is_no_hash_is_refused(yard: Yard, digest: str) -> None:
    with pytest.raises(InvalidRequest, match="64 hexadecimal"):
        await yard.orders().placed(address(yard), digest)


async def test_a_file_that_is_not_there_is_told(yard: Yard) -> None:
    yard.hub.faults.status = lambda _: 404
    with pytest.raises(ModelNotFound, match="look at the address"):
        await yard.orders().placed(address(yard), RIGHT)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/m.bin",
        "https://example.com/",
        "https://example.com",
        "https://example.com/..gguf",
        "https://example.com/m.gguf%00",
        "https://example.com/a-00001-of-00002.gguf",
        "https://",
        "https:///m.gguf",
        "https://[::1]/m.gguf",
        "https://[bad/m.gguf",
        "https://con/m.gguf",
        "https://ex ample.com/m.gguf",
        "https://exämple.com/m.gguf",
        "https://example.com/" + "m" * 5000 + ".gguf",
    ],
)
def test_what_is_no_address_of_a_model_is_refused(url: str) -> None:
    with pytest.raises(InvalidRequest):
        Address(url)


PRIVATE = [
    "127.0.0.1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1",
    "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1%eth0", "fc00::1",
    "::ffff:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
]  # fmt: skip


@pytest.mark.parametrize("where", PRIVATE)
def test_a_host_outside_the_public_network_is_not_asked(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if only one of its addresses is."""
    _resolve(monkeypatch, "93.184.215.14", where)
    with pytest.raises(HubError, match="not in the public network"):
        check_public(urlsplit("https://example.com/m.gguf"))


@pytest.mark.parametrize("where", ["93.184.215.14", "2606:2800:21f::1", "64:ff9b::5db8:d70e"])
def test_a_host_of_the_public_network_is_asked(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    _resolve(monkeypatch, where)
    check_public(urlsplit("https://example.com/m.gguf"))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/m.gguf",
        "ftp://example.com/m.gguf",
        "file://example.com/m.gguf",
        "https://user:word@example.com/m.gguf",
    ],
)
def test_only_https_without_a_password_is_asked(url: str) -> None:
    with pytest.raises(HubError, match="only https"):
        check_public(urlsplit(url))


async def test_every_redirect_is_asked_about(yard: Yard) -> None:
    """The storage, to which the hub redirects, is called localhost."""
    asked: list[str | None] = []

    def only_the_first(parts: object) -> None:
        asked.append(parts.hostname)  # type: ignore[attr-defined]  # a SplitResult
        if asked[-1] == "localhost":
            raise HubError("not in the public network")

    target = Address(address(yard), check=only_the_first)
    with pytest.raises(HubError, match="public"):
        target.described(RIGHT)
    assert asked == ["127.0.0.1", "localhost"]
    assert yard.hub.storage == []


def _resolve(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    found = [(0, 0, 0, "", (address, 443)) for address in addresses]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
