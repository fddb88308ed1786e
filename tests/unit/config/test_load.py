"""Where settings come from, which one wins, and what a mistake is told."""

from pathlib import Path

import pytest

from velocity_local.config import keys
from velocity_local.config.errors import ConfigError
from velocity_local.config.load import Loaded, load
from velocity_local.config.settings import DEFAULT_PORT, Settings


def loaded(
    home: Path, *, toml: str = "", overrides: dict[str, object] | None = None, **variables: str
) -> Loaded:
    if toml:
        home.mkdir(exist_ok=True)
        (home / "config.toml").write_text(toml)
    return load(overrides=overrides or {}, environ={"VELOCITY_HOME": str(home), **variables})


def test_nothing_given_means_the_defaults(tmp_path: Path) -> None:
    result = loaded(tmp_path)
    assert result.settings == Settings()
    assert set(result.origins.values()) == {"default"}
    assert set(result.origins) == set(keys.TYPES)


def test_flags_win_over_environment_over_file_over_default(tmp_path: Path) -> None:
    toml = '[server]\nport = 1\nhost = "::1"\nallow_remote = true\n'
    variables = {"VELOCITY_SERVER_PORT": "2", "VELOCITY_SERVER_HOST": "localhost"}
    result = loaded(tmp_path, toml=toml, overrides={"server.port": "3"}, **variables)
    server = result.settings.server
    assert (server.port, server.host, server.allow_remote) == (3, "localhost", True)
    assert result.origins["server.port"] == "flag"
    assert result.origins["server.host"] == "environment"
    assert result.origins["server.allow_remote"] == "file"
    assert result.origins["server.allowed_hosts"] == "default"


TEXTS = [
    ("VELOCITY_SERVER_ALLOW_REMOTE", "true", "server.allow_remote", True),
    (
        "VELOCITY_SERVER_ALLOWED_HOSTS",
        "a.example, b.example",
        "server.allowed_hosts",
        ("a.example", "b.example"),
    ),
    ("VELOCITY_FLEET_PRELOAD", '["one", "two,three"]', "fleet.preload", ("one", "two,three")),
    ("VELOCITY_LIMITS_BODY_TIMEOUT_S", "5", "limits.body_timeout_s", 5.0),
    ("VELOCITY_ENGINE_FLASH_ATTENTION", "false", "engine.flash_attention", False),
    ("VELOCITY_ENGINE_N_CTX", "null", "engine.n_ctx", None),
    ("VELOCITY_SAMPLING_LOGIT_BIAS", "[[5, -1.5]]", "sampling.logit_bias", ((5, -1.5),)),
    ("VELOCITY_LOGS_LEVEL", "debug", "logs.level", "debug"),
]


@pytest.mark.parametrize(("variable", "text", "key", "value"), TEXTS)
def test_a_variable_is_read_in_the_type_of_its_key(
    tmp_path: Path, variable: str, text: str, key: str, value: object
) -> None:
    result = load(environ={"VELOCITY_HOME": str(tmp_path), variable: text})
    section, name = key.split(".")
    assert getattr(getattr(result.settings, section), name) == value


def test_empty_variables_absent_flags_and_other_programs_variables_count_as_not_set(
    tmp_path: Path,
) -> None:
    result = loaded(
        tmp_path,
        overrides={"server.port": None},
        VELOCITY_SERVER_PORT="",
        VELOCITY_TEMPLATES="elsewhere",
        VELOCITY_HOST="http://other:1",
    )
    assert result.settings == Settings()


MISTAKES = [
    ("[server]\nport = 70000\n", {}, {}, "config.toml: server.port is 70000; expected `int` <= 65"),
    ("[server]\nport = true\n", {}, {}, "server.port is True; expected `int`, got `bool`"),
    ("[server]\nprot = 1\n", {}, {}, "server.prot is no setting; did you mean server.port?"),
    ("[sever]\nport = 1\n", {}, {}, "sever is no setting; did you mean server?"),
    ("port = 1\n", {}, {}, "port is no setting"),
    ("[server]\nport = \n", {}, {}, "line 2, column 8"),
    ("[limits]\nbody_timeout_s = nan\n", {}, {}, "limits.body_timeout_s is nan"),
    ("[limits]\nbody_timeout_s = inf\n", {}, {}, "limits.body_timeout_s is inf"),
    ("[limits]\nbody_bytes = -1\n", {}, {}, "limits.body_bytes is -1"),
    ("[sampling]\ntop_p = 1.5\n", {}, {}, "sampling.top_p: top_p is 1.5; it must be from 0.0"),
    ('[paths]\ndata = "here"\n', {}, {}, "paths.data is 'here'; give an absolute path"),
    ("", {"VELOCITY_SERVER_PROT": "1"}, {}, "VELOCITY_SERVER_PROT is no setting; did you mean VEL"),
    ("", {"VELOCITY_SERVER_PORT": "x"}, {}, "VELOCITY_SERVER_PORT: server.port is 'x'"),
    ("", {"VELOCITY_FLEET_PRELOAD": "[1"}, {}, "fleet.preload is '[1', which is not a JSON list"),
    ("", {"VELOCITY_LOGS_LEVEL": "loud"}, {}, "must be one of debug, info, warning, error"),
    ("", {}, {"server.prt": 1}, "flags: server.prt is no setting; did you mean server.port?"),
    ("", {}, {"sampling.temperature": "-inf"}, "flags: sampling.temperature is '-inf'"),
]


@pytest.mark.parametrize(("toml", "variables", "overrides", "message"), MISTAKES)
def test_a_mistake_names_place_key_and_what_is_right(
    tmp_path: Path, toml: str, variables: dict[str, str], overrides: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, toml=toml, overrides=overrides, **variables)
    assert message in str(caught.value)


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"[server]\nhost = '\xff'\n")
    with pytest.raises(ConfigError, match=r"config\.toml: byte 17 is not UTF-8"):
        loaded(tmp_path)


def test_a_file_asked_for_by_name_must_exist_and_is_then_the_file(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    with pytest.raises(ConfigError, match=r"no configuration file .*mine\.toml"):
        load(environ={"VELOCITY_HOME": str(tmp_path)}, file=mine)
    mine.write_text("[server]\nport = 5\n")
    result = load(environ={"VELOCITY_HOME": str(tmp_path)}, file=mine)
    assert result.settings.server.port == 5
    assert result.paths.config_file == mine


def test_the_process_environment_is_read_if_none_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VELOCITY_HOME", str(tmp_path))
    monkeypatch.setenv("VELOCITY_KILL_POINT", "history.after_insert")
    result = load()
    assert result.settings.server.port == DEFAULT_PORT
    assert result.paths.data_dir == tmp_path / "data"
    assert result.kill_point == "history.after_insert"


def test_no_setting_holds_a_secret() -> None:
    words = ("token", "secret", "password", "api_key")
    names = [key for key in keys.TYPES if any(word in key for word in words)]
    assert names == ["server.api_key_file", "limits.queued_tokens"]  # a path, and a count


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_a_file_cut_anywhere_is_read_or_refused_and_never_half_believed(
    tmp_path: Path, cut: int
) -> None:
    whole = '[server]\nport = 8000\nhost = "localhost"\n[logs]\nlevel = "debug"\n'
    (tmp_path / "config.toml").write_text(whole[:cut])
    try:
        told = {key for key, origin in loaded(tmp_path).origins.items() if origin == "file"}
    except ConfigError as error:
        message = str(error)
        told = set()
    else:
        message = "config.toml"
    assert told <= {"server.port", "server.host", "logs.level"}
    assert "config.toml" in message
