from pathlib import Path

import engine
import pytest
from checkout import Checkout
from machine import SetupError, Target, Toolchain

from tests.shape.tree import ROOT

LOCK = f"""\
jinja2==3.1.6 \\
    --hash=sha256:{"a" * 64}
llama-cpp-python==0.3.36 \\
    --hash=sha256:{"b" * 64}
    # via velocity-local (pyproject.toml)
"""


def build(**changes: str) -> engine.Build:
    target = Target(changes.get("backend", "cpu"), changes.get("cpu", "avx2"), ("-DX=ON",))
    toolchain = Toolchain(changes.get("compiler", "gcc 12"), changes.get("cmake", "cmake 3.25"))
    return engine.Build(engine.read_pin(LOCK), toolchain, target, "-DX=ON")


def keep(folder: Path, one: engine.Build) -> Path:
    """Put a wheel for `one` into the cache below `folder`."""
    cache = engine.cache_of(one, {"XDG_CACHE_HOME": str(folder)})
    wheel = folder / "llama_cpp_python-0.3.36-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    engine._keep(wheel, cache)
    return cache / wheel.name


def test_the_pin_is_read_with_its_hash() -> None:
    pin = engine.read_pin(LOCK)
    assert (pin.version, pin.sha256) == ("0.3.36", "b" * 64)


def test_the_pin_of_this_checkout_can_be_read() -> None:
    assert engine.read_pin((ROOT / "requirements.lock").read_text()).version


def test_a_lock_without_the_engine_is_refused() -> None:
    with pytest.raises(SetupError, match="make lock"):
        engine.read_pin("jinja2==3.1.6\n")


@pytest.mark.parametrize(
    "change",
    [{"backend": "cuda"}, {"cpu": "avx512"}, {"compiler": "gcc 13"}],
    ids=["backend", "processor", "compiler"],
)
def test_what_changes_the_code_changes_the_key(change: dict[str, str]) -> None:
    assert build(**change).key != build().key


def test_another_cmake_gives_the_same_engine() -> None:
    assert build(cmake="cmake 3.31").key == build().key


def test_a_kept_wheel_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    kept = keep(tmp_path, build())
    assert engine.cached(build(), {"XDG_CACHE_HOME": str(tmp_path)}) == kept
    with pytest.raises(KeyError):
        engine.cached(build(backend="cuda"), {"XDG_CACHE_HOME": str(tmp_path)})


def test_a_damaged_wheel_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    keep(tmp_path, build()).write_bytes(b"half a whe")
    with pytest.raises(KeyError):
        engine.cached(build(), {"XDG_CACHE_HOME": str(tmp_path)})


def test_the_installed_engine_is_known_by_its_key(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    checkout.venv.mkdir()
    assert not engine.is_installed(checkout, build())
    checkout.engine_facts.write_text(f'{{"key": "{build().key}"}}')
    assert engine.is_installed(checkout, build())
    assert not engine.is_installed(checkout, build(backend="cuda"))
