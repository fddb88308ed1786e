"""`config set` changes one value and nothing else of the user's file."""

import tomllib
from pathlib import Path

import pytest

from velocity_local.config.edit import edited, set_value
from velocity_local.config.errors import ConfigError
from velocity_local.config.load import load

FILE = """# mine
[server]  # where it listens
port = 8000  # not 8080

# how much it says
[logs]
level = "info"
"""

EDITS = [
    ("replace", FILE, "server.port", 9000, FILE.replace("8000", "9000")),
    ("add", FILE, "server.host", "::1", FILE.replace("listens\n", 'listens\nhost = "::1"\n')),
    (
        "add list",
        FILE,
        "server.allowed_hosts",
        ("a", "b"),
        FILE.replace("listens\n", 'listens\nallowed_hosts = ["a", "b"]\n'),
    ),
    ("remove", FILE, "server.port", None, FILE.replace("port = 8000  # not 8080\n", "")),
    ("remove absent", FILE, "engine.n_ctx", None, FILE),
    (
        "dotted",
        "server.port = 1 # p\n",
        "server.host",
        "h",
        'server.port = 1 # p\nserver.host = "h"\n',
    ),
    (
        "windows",
        "[server]\r\nport = 1\r\n",
        "server.host",
        "h",
        '[server]\r\nhost = "h"\r\nport = 1\r\n',
    ),
    ("header at the end", "[server]", "server.port", 1, "[server]\nport = 1"),
]


@pytest.mark.parametrize(
    ("before", "key", "value", "after"), [e[1:] for e in EDITS], ids=[e[0] for e in EDITS]
)
def test_only_the_value_changes(before: str, key: str, value: object, after: str) -> None:
    assert edited(before, key, value, place="x") == after


def test_a_header_inside_a_string_is_not_taken_for_one() -> None:
    before = 'fleet.preload = ["""\n[server]\n"""]\n[server]\nport = 1\n'
    after = tomllib.loads(edited(before, "server.host", "h", place="x"))
    assert after == {"fleet": {"preload": ["[server]\n"]}, "server": {"host": "h", "port": 1}}


def test_a_new_file_is_private_and_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "new" / "config.toml"
    assert set_value(file, "fleet.preload", "a,b") == ("a", "b")
    assert file.stat().st_mode & 0o777 == 0o600
    assert load(environ={}, file=file).settings.fleet.preload == ("a", "b")


def test_a_linked_file_stays_a_link_and_keeps_its_mode(tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.toml"
    real.write_text(FILE)
    real.chmod(0o644)
    link = tmp_path / "config.toml"
    link.symlink_to(real)
    set_value(link, "server.port", "1")
    assert link.is_symlink()
    assert "port = 1 " in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o644


REFUSED = [
    (FILE, "server.prot", "1", "did you mean server.port"),
    (FILE, "server.port", "many", "server.port is 'many'"),
    (FILE, "sampling.top_p", "7", "it must be from 0.0 to 1.0"),
    ("[server\n", "server.port", "1", "line 1"),
    ("server = 5\n", "server.port", "1", "server is not a table"),
]


@pytest.mark.parametrize(("content", "key", "text", "message"), REFUSED)
def test_a_refused_edit_leaves_the_file_alone(
    tmp_path: Path, content: str, key: str, text: str, message: str
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(content)
    with pytest.raises(ConfigError) as caught:
        set_value(file, key, text)
    assert message in str(caught.value)
    assert file.read_text() == content
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]
