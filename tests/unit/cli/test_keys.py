import json
from pathlib import Path

import pytest

from tests.unit.cli.terminal import cli
from velocity_local.config.secrets import load_keys


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"VELOCITY_HOME": str(tmp_path / "home")}


def test_a_key_is_shown_once_and_only_its_digest_is_kept(
    environ: dict[str, str], tmp_path: Path
) -> None:
    secret = cli("keys", "create", "phone", environ=environ).out.strip()
    file = tmp_path / "home" / "api-keys"
    assert load_keys(file).find(secret) is not None
    assert secret not in file.read_text()
    assert secret not in cli("keys", "list", environ=environ).out


def test_keys_are_listed_by_name(environ: dict[str, str]) -> None:
    secret = json.loads(cli("keys", "create", "phone", "--json", environ=environ).out)["key"]
    (key,) = json.loads(cli("keys", "list", "--json", environ=environ).out)["keys"]
    assert (key["name"], key["last4"]) == ("phone", secret[-4:])


def test_a_key_says_the_class_of_its_requests(environ: dict[str, str]) -> None:
    cli("keys", "create", "phone", environ=environ)
    cli("keys", "create", "nightly", "--class", "batch", environ=environ)
    keys = json.loads(cli("keys", "list", "--json", environ=environ).out)["keys"]
    assert [(key["name"], key["class"]) for key in keys] == [("phone", "api"), ("nightly", "batch")]
    assert "CLASS" in cli("keys", "list", environ=environ).out
    wrong = cli("keys", "create", "x", "--class", "urgent", environ=environ)
    assert (wrong.status, "interactive" in wrong.err) == (2, True)


def test_a_revoked_key_is_gone(environ: dict[str, str]) -> None:
    cli("keys", "create", "phone", environ=environ)
    assert cli("keys", "revoke", "phone", environ=environ).status == 0
    assert json.loads(cli("keys", "list", "--json", environ=environ).out)["keys"] == []


def test_a_name_that_is_taken_or_unknown_is_an_error(environ: dict[str, str]) -> None:
    cli("keys", "create", "phone", environ=environ)
    assert "phone" in cli("keys", "create", "phone", environ=environ).err
    ran = cli("keys", "revoke", "laptop", environ=environ)
    assert (ran.status, "laptop" in ran.err) == (1, True)
