import sys
from collections.abc import Callable
from pathlib import Path

import machine
import pytest
from machine import SetupError

Which = Callable[[str], str | None]


def having(**programs: str) -> Which:
    """A path on which only these programs lie; underscores stand for dashes."""
    found = {name.replace("_", "-"): place for name, place in programs.items()}
    return found.get


def program(folder: Path, name: str, says: str) -> str:
    """A program that only tells its version."""
    path = folder / name
    path.write_text(f"#!/bin/sh\necho '{says}'\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture(autouse=True)
def linux(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(machine, "CUDA_FOLDER", "/nowhere")
    monkeypatch.delenv("CXX", raising=False)


@pytest.mark.parametrize(
    ("line", "expected"),
    [("cmake version 3.25.1", (3, 25)), ("release 13.0, V13.0.88", (13, 0)), ("none", (0, 0))],
)
def test_a_version_is_read_from_a_line(line: str, expected: tuple[int, int]) -> None:
    assert machine.version_of(line) == expected


def test_each_missing_tool_gets_one_line_with_its_command() -> None:
    with pytest.raises(SetupError) as failure:
        machine.find_toolchain(having(apt_get="/usr/bin/apt-get"))
    compiler, cmake = str(failure.value).splitlines()
    assert compiler.endswith("sudo apt-get install g++")
    assert cmake.endswith("sudo apt-get install cmake")


@pytest.mark.parametrize(
    ("manager", "expected"),
    [
        ("dnf", "sudo dnf install cmake"),
        ("pacman", "sudo pacman -S --needed cmake"),
        ("zypper", "sudo zypper install cmake"),
        ("apk", "sudo apk add cmake"),
        ("brew", "brew install cmake"),
        ("winget", "winget install Kitware.CMake"),
    ],
)
def test_the_command_fits_the_package_manager(manager: str, expected: str) -> None:
    assert machine.install_commands(having(**{manager: "there"}))[1] == expected


def test_an_old_cmake_is_refused_with_its_version(tmp_path: Path) -> None:
    which = having(
        cmake=program(tmp_path, "cmake", "cmake version 3.16.3"),
        **{"c++": program(tmp_path, "c++", "c++ 12.2.0")},
    )
    with pytest.raises(SetupError, match=r"cmake version 3\.16\.3 is too old, 3\.21 is needed"):
        machine.find_toolchain(which)


def test_a_complete_toolchain_is_told_by_version(tmp_path: Path) -> None:
    which = having(
        cmake=program(tmp_path, "cmake", "cmake version 3.25.1"),
        **{"c++": program(tmp_path, "c++", "c++ (Debian) 12.2.0")},
    )
    found = machine.find_toolchain(which)
    assert found == machine.Toolchain("c++ (Debian) 12.2.0", "cmake version 3.25.1")


def test_an_unknown_engine_is_refused_by_name() -> None:
    with pytest.raises(SetupError, match="'vulkan'; it must be one of cpu, cuda, metal"):
        machine.choose_target({"VELOCITY_ENGINE": "vulkan"})


def test_nvcc_without_a_working_gpu_means_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cuda_capabilities", lambda: "")
    target = machine.choose_target({}, having(nvcc="/usr/bin/nvcc"))
    assert target.backend == "cpu"


def test_nvcc_and_a_working_gpu_mean_cuda(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "cuda_capabilities", lambda: "9.0")
    nvcc = program(tmp_path, "nvcc", "Cuda compilation tools, release 13.0, V13.0.88")
    target = machine.choose_target({}, having(nvcc=nvcc))
    assert target.backend == "cuda"
    assert f"-DCMAKE_CUDA_COMPILER={nvcc}" in target.cmake_args
    assert "for 9.0" in target.detail


def test_cpu_can_be_asked_for_beside_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "cuda_capabilities", lambda: "9.0")
    target = machine.choose_target({"VELOCITY_ENGINE": "CPU"}, having(nvcc="/usr/bin/nvcc"))
    assert target.backend == "cpu"


def test_cuda_without_nvcc_is_refused() -> None:
    with pytest.raises(SetupError, match="needs nvcc"):
        machine.choose_target({"VELOCITY_ENGINE": "cuda"}, having())


def test_a_mac_gets_metal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert machine.choose_target({}, having()).backend == "metal"
