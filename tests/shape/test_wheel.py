"""What the built wheel holds, and what importing it brings in.

A static graph cannot see an import inside a function, and an editable install puts the whole
checkout on the path; a wheel in a process of its own shows what users get.
"""

import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from tests.shape.tree import ROOT

ENGINE = {"llama_cpp", "numpy", "mlx", "jinja2"}
SERVER = {"litestar", "uvicorn", "sqlite_utils", "prometheus_client"}
HEAVY = {"httpx", "rich", "openai", "pydantic", "textual", "velocity_tui"}
PROBE = """
import importlib, sys
sys.path[:0] = sys.argv[1:3]
importlib.import_module(sys.argv[3])
print("\\n".join(sorted(sys.modules)))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    unpacked = folder / "unpacked"
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as archive:
        archive.extractall(unpacked)
    return unpacked


def imported(wheel: Path, module: str, cwd: Path) -> set[str]:
    """The modules that are loaded once `module` is, in a process that sees only the wheel."""
    packages = sysconfig.get_paths()["purelib"]
    command = [sys.executable, "-I", "-S", "-c", PROBE, str(wheel), packages, module]
    done = subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def roots(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def packages(modules: set[str]) -> set[str]:
    return {name.split(".")[1] for name in modules if name.startswith("velocity_local.")}


def test_the_wheel_holds_the_package_and_its_data_only(wheel: Path) -> None:
    entries = {entry.name for entry in wheel.iterdir() if not entry.name.endswith(".dist-info")}
    assert entries == {"velocity_local", "velocity_tui"}
    assert (wheel / "velocity_tui" / "app.tcss").is_file()
    assert (wheel / "velocity_local" / "_models" / "demo").is_dir()


@pytest.mark.parametrize("module", ["app", "house", "front", "telemetry.present"])
def test_the_daemon_loads_no_engine(wheel: Path, module: str, tmp_path: Path) -> None:
    loaded = imported(wheel, f"velocity_local.daemon.{module}", tmp_path)
    assert roots(loaded) & (ENGINE | HEAVY) == set()
    assert packages(loaded) & {"worker", "cli", "client"} == set()


def test_a_worker_loads_no_server(wheel: Path, tmp_path: Path) -> None:
    loaded = imported(wheel, "velocity_local.worker.service", tmp_path)
    assert roots(loaded) & (SERVER | HEAVY | {"ssl"}) == set()
    assert packages(loaded) & {"daemon", "cli", "client"} == set()


def test_the_lens_loads_no_server_and_no_engine(wheel: Path, tmp_path: Path) -> None:
    loaded = imported(wheel, "velocity_local.lens", tmp_path)
    assert roots(loaded) & (ENGINE | SERVER | HEAVY) == set()
    assert packages(loaded) & {"daemon", "worker", "cli"} == set()


@pytest.mark.parametrize("module", ["api", "chat", "daemon"])
def test_a_client_loads_no_server_and_no_engine(wheel: Path, module: str, tmp_path: Path) -> None:
    loaded = imported(wheel, f"velocity_local.client.{module}", tmp_path)
    assert roots(loaded) & (ENGINE | SERVER | HEAVY) == set()
    assert packages(loaded) & {"daemon", "worker", "cli"} == set()


def test_help_loads_no_http_client(wheel: Path, tmp_path: Path) -> None:
    loaded = imported(wheel, "velocity_local.cli.main", tmp_path)
    assert "http.client" not in loaded
    assert "asyncio" not in loaded


@pytest.mark.parametrize("module", ["main", "tui"])
def test_no_verb_loads_the_terminal_ui_with_its_module(
    wheel: Path, module: str, tmp_path: Path
) -> None:
    loaded = imported(wheel, f"velocity_local.cli.{module}", tmp_path)
    assert roots(loaded) & HEAVY == set()


def test_the_terminal_ui_is_a_client_like_any_other(wheel: Path, tmp_path: Path) -> None:
    loaded = imported(wheel, "velocity_tui.__main__", tmp_path)
    assert roots(loaded) & (ENGINE | SERVER) == set()
    assert packages(loaded) & {"daemon", "worker", "cli"} == set()
