import subprocess
import sys
from pathlib import Path

import pytest
from checkout import Checkout, cache_folder, exclusive

ENVIRON = {"PATH": "/usr/bin"}


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path)
    for file in (made.lock, made.dev_lock, made.pyproject):
        file.write_text("a==1\n")
    made.python.parent.mkdir(parents=True)
    made.python.touch()
    return made


def test_a_finished_setup_is_known_again(checkout: Checkout) -> None:
    assert not checkout.is_ready(ENVIRON, dev=False)
    checkout.mark_ready(ENVIRON, dev=False)
    assert checkout.is_ready(ENVIRON, dev=False)
    assert not checkout.is_ready(ENVIRON, dev=True)


def test_a_setup_for_tests_serves_both(checkout: Checkout) -> None:
    checkout.mark_ready(ENVIRON, dev=True)
    assert checkout.is_ready(ENVIRON, dev=False)
    assert checkout.is_ready(ENVIRON, dev=True)


@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_changed_file_asks_for_a_new_setup(checkout: Checkout, name: str) -> None:
    checkout.mark_ready(ENVIRON, dev=False)
    (checkout.root / name).write_text("a==2\n")
    assert not checkout.is_ready(ENVIRON, dev=False)


def test_another_engine_asks_for_a_new_setup(checkout: Checkout) -> None:
    checkout.mark_ready(ENVIRON, dev=False)
    assert not checkout.is_ready({**ENVIRON, "VELOCITY_ENGINE": "cuda"}, dev=False)


def test_a_moved_checkout_asks_for_a_new_setup(checkout: Checkout, tmp_path: Path) -> None:
    checkout.mark_ready(ENVIRON, dev=False)
    moved = tmp_path.with_name(tmp_path.name + "-moved")
    tmp_path.rename(moved)
    assert not Checkout(moved).is_ready(ENVIRON, dev=False)


def test_a_broken_stamp_counts_as_none(checkout: Checkout) -> None:
    checkout.mark_ready(ENVIRON, dev=False)
    checkout.stamp.write_text('{"run": ')
    assert not checkout.is_ready(ENVIRON, dev=False)


def test_the_cache_follows_the_users_own_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    assert cache_folder({"XDG_CACHE_HOME": "/c"}) == Path("/c/velocity-local")


def test_the_lock_of_a_process_that_died_is_free(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "setup.lock"
    code = (
        "import pathlib, sys, os; from checkout import exclusive\n"
        "with exclusive(pathlib.Path(sys.argv[1]), waiting='w'): os._exit(9)"
    )
    folder = Path(sys.modules["checkout"].__file__ or "").parent
    subprocess.run([sys.executable, "-c", code, str(path)], cwd=folder, check=False)
    with exclusive(path, waiting="waits"):
        assert "waits" not in capsys.readouterr().err
