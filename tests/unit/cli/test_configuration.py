import json
from pathlib import Path

import pytest

from tests.unit.cli.terminal import cli
from velocity_local.config import keys


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"VELOCITY_HOME": str(tmp_path)}


def test_all_settings_are_listed_with_their_origin(environ: dict[str, str]) -> None:
    environ["VELOCITY_SERVER_PORT"] = "9000"
    settings = json.loads(cli("config", "get", "--json", environ=environ).out)["settings"]
    assert {entry["key"] for entry in settings} == set(keys.TYPES)
    port = next(entry for entry in settings if entry["key"] == "server.port")
    assert (port["value"], port["origin"]) == (9000, "environment")


@pytest.mark.parametrize(
    ("key", "shown"), [("server.host", "127.0.0.1"), ("fleet.preload", '["demo"]')]
)
def test_one_setting_is_its_bare_value(environ: dict[str, str], key: str, shown: str) -> None:
    assert cli("config", "get", key, environ=environ).out == shown + "\n"


def test_a_set_value_is_in_force_and_can_be_taken_back(environ: dict[str, str]) -> None:
    assert cli("config", "set", "server.port", "9000", environ=environ).status == 0
    assert cli("config", "get", "server.port", environ=environ).out == "9000\n"
    assert cli("config", "set", "server.port", "null", environ=environ).status == 0
    assert cli("config", "get", "server.port", environ=environ).out == "8621\n"


def test_an_unknown_setting_is_named_with_its_neighbour(environ: dict[str, str]) -> None:
    ran = cli("config", "set", "server.prot", "9000", environ=environ)
    assert ran.status == 1
    assert "did you mean server.port" in ran.err


def test_the_path_is_told_before_the_file_is_there(environ: dict[str, str], tmp_path: Path) -> None:
    assert cli("config", "path", environ=environ).out == f"{tmp_path / 'config.toml'}\n"


def test_a_broken_file_is_told_with_line_and_column(
    environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "config.toml").write_text("[server]\nport = \n")
    ran = cli("config", "validate", environ=environ)
    assert ran.status == 1
    assert "line 2" in ran.err


def test_a_valid_file_may_lie_anywhere(environ: dict[str, str], tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text("[server]\nport = 9000\n")
    ran = cli("config", "validate", str(file), environ=environ)
    assert ran.status == 0
    assert "1 of" in ran.err
