from pathlib import Path

import pytest

from velocity_local.config.hub import DEFAULT_ENDPOINT, locate


def test_the_token_of_the_environment_comes_before_the_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    home = {"HF_HOME": str(tmp_path)}
    assert locate(home).token() == "from-file"
    assert locate(home | {"HF_TOKEN": " given "}).token() == "given"


def test_the_file_is_read_as_it_is_now(tmp_path: Path) -> None:
    access = locate({"HF_TOKEN_PATH": str(tmp_path / "token")})
    assert access.token() is None
    (tmp_path / "token").write_text("later")
    assert access.token() == "later"


@pytest.mark.parametrize(
    ("environ", "endpoint"),
    [
        ({}, DEFAULT_ENDPOINT),
        ({"HF_ENDPOINT": ""}, DEFAULT_ENDPOINT),
        ({"HF_ENDPOINT": "https://hub.example/"}, "https://hub.example"),
    ],
)
def test_the_endpoint_may_be_another(environ: dict[str, str], endpoint: str) -> None:
    assert locate(environ).endpoint == endpoint


def test_a_token_is_not_shown() -> None:
    assert "secret" not in repr(locate({"HF_TOKEN": "secret"}))
