"""What this machine has for building the engine: compiler, CMake, GPU, processor."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

CMAKE_MINIMUM = (3, 21)
BACKENDS = ("cpu", "cuda", "metal")
CUDA_FOLDER = "/usr/local/cuda"
Which = Callable[[str], str | None]

_VISUAL_STUDIO = (
    "winget install Microsoft.VisualStudio.2022.BuildTools --override"
    ' "--wait --passive --add Microsoft.VisualStudio.Workload.VCTools --includeRecommended"'
)
# (package manager, command for the compiler, command for CMake), the first one found counts.
_INSTALLERS = (
    ("apt-get", "sudo apt-get install g++", "sudo apt-get install cmake"),
    ("dnf", "sudo dnf install gcc-c++", "sudo dnf install cmake"),
    ("pacman", "sudo pacman -S --needed gcc", "sudo pacman -S --needed cmake"),
    ("zypper", "sudo zypper install gcc-c++", "sudo zypper install cmake"),
    ("apk", "sudo apk add g++ linux-headers", "sudo apk add cmake"),
    ("brew", "xcode-select --install", "brew install cmake"),
    (
        "winget",
        _VISUAL_STUDIO,
        "winget install Kitware.CMake",
    ),
)
_NO_INSTALLER = ("a C++17 compiler (g++ or clang++)", "CMake 3.21 or newer")
_CMAKE_BY_PIPX = "pipx install cmake"

_CUDA_PROBE = """
import ctypes, sys
cuda = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
count, found = ctypes.c_int(), []
if cuda.cuInit(0) or cuda.cuDeviceGetCount(ctypes.byref(count)):
    sys.exit(1)
for device in range(count.value):
    value = ctypes.c_int()
    version = []
    for attribute in (75, 76):  # compute capability, major and minor
        cuda.cuDeviceGetAttribute(ctypes.byref(value), attribute, device)
        version.append(str(value.value))
    found.append(".".join(version))
print(",".join(sorted(set(found))))
"""


class SetupError(Exception):
    """What is missing or went wrong, with the command that mends it."""


@dataclass(frozen=True)
class Toolchain:
    compiler: str
    cmake: str


@dataclass(frozen=True)
class Target:
    """What the engine is built for. `detail` ties a build to the GPU or processor it is for."""

    backend: str
    detail: str
    cmake_args: tuple[str, ...]


def find_toolchain(which: Which = shutil.which) -> Toolchain:
    """Compiler and CMake by name and version; SetupError has one line for each that is missing."""
    compiler, cmake = _compiler(which), _cmake(which)
    compiler_command, cmake_command = install_commands(which)
    missing = []
    if compiler is None:
        missing.append(f"No C++ compiler was found. Install one: {compiler_command}")
    if cmake is None:
        missing.append(f"CMake was not found. Install it: {cmake_command}")
    elif version_of(cmake) < CMAKE_MINIMUM:
        newer = cmake_command if sys.platform in {"darwin", "win32"} else _CMAKE_BY_PIPX
        missing.append(f"{cmake} is too old, 3.21 is needed. Install a newer one: {newer}")
    if missing:
        raise SetupError("\n".join(missing))
    assert compiler is not None
    assert cmake is not None
    return Toolchain(compiler, cmake)


def install_commands(which: Which = shutil.which) -> tuple[str, str]:
    """How to install a compiler and CMake here."""
    for manager, compiler, cmake in _INSTALLERS:
        if which(manager):
            return compiler, cmake
    if sys.platform == "darwin":
        return "xcode-select --install", "brew install cmake"
    return _NO_INSTALLER


def choose_target(environ: Mapping[str, str], which: Which = shutil.which) -> Target:
    """The backend to build: VELOCITY_ENGINE if set, else the best one this machine can run."""
    wanted = environ.get("VELOCITY_ENGINE", "").strip().lower()
    if wanted and wanted not in BACKENDS:
        raise SetupError(f"VELOCITY_ENGINE is {wanted!r}; it must be one of {', '.join(BACKENDS)}")
    if sys.platform == "darwin":
        return _metal(wanted)
    if wanted == "metal":
        raise SetupError("VELOCITY_ENGINE=metal needs macOS; use cpu or cuda here")
    nvcc = find_nvcc(environ, which)
    gpus = "" if wanted == "cpu" or nvcc is None else cuda_capabilities()
    if wanted == "cuda" and nvcc is None:
        raise SetupError("VELOCITY_ENGINE=cuda needs nvcc: install the CUDA toolkit, or set cpu")
    if nvcc is not None and (gpus or wanted == "cuda"):
        arguments = ("-DGGML_NATIVE=ON", "-DGGML_CUDA=ON", f"-DCMAKE_CUDA_COMPILER={nvcc}")
        detail = f"{version_line([nvcc, '--version'])} for {gpus or 'any GPU'}; {processor()}"
        return Target("cuda", detail, arguments)
    return Target("cpu", processor(), ("-DGGML_NATIVE=ON",))


def find_nvcc(environ: Mapping[str, str], which: Which = shutil.which) -> str | None:
    """nvcc on the path or where CUDA is usually installed."""
    found = which("nvcc")
    if found:
        return found
    homes = [environ.get("CUDA_HOME"), environ.get("CUDA_PATH"), CUDA_FOLDER]
    for home in filter(None, homes):
        for name in ("nvcc", "nvcc.exe"):
            candidate = Path(home) / "bin" / name
            if candidate.is_file():
                return str(candidate)
    return None


def cuda_capabilities() -> str:
    """Compute capabilities of the working GPUs, as in "8.6,9.0"; empty if none works.

    Asks the driver in a child process, because a broken driver may hang or crash.
    """
    try:
        probe = subprocess.run(
            [sys.executable, "-c", _CUDA_PROBE],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return ""
    return probe.stdout.strip() if probe.returncode == 0 else ""


def processor() -> str:
    """The processor's instruction sets, which native code depends on."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.lower().startswith(("flags", "features")):
                return f"{platform.machine()} {line.partition(':')[2].strip()}"
    if sys.platform == "darwin":
        brand = version_line(["sysctl", "-n", "machdep.cpu.brand_string"])
        return f"{platform.machine()} {brand}"
    return f"{platform.machine()} {os.environ.get('PROCESSOR_IDENTIFIER', platform.processor())}"


def version_line(command: list[str]) -> str:
    """The line of a program's output that has a version in it, or its first; empty if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    lines = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    if done.returncode != 0 or not lines:
        return ""
    return next((line for line in lines if re.search(r"\d+\.\d+", line)), lines[0])


def version_of(line: str) -> tuple[int, int]:
    """Major and minor number in a version line; (0, 0) if there is none."""
    found = re.search(r"(\d+)\.(\d+)", line)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _metal(wanted: str) -> Target:
    if wanted == "cuda":
        raise SetupError("VELOCITY_ENGINE=cuda does not exist on macOS; leave it unset for Metal")
    if wanted == "cpu":
        raise SetupError(
            "On macOS the engine is always built with Metal; to compute on the processor start it"
            " with VELOCITY_ENGINE_N_GPU_LAYERS=0"
        )
    return Target("metal", processor(), ("-DGGML_NATIVE=ON", "-DGGML_METAL=ON"))


def _compiler(which: Which) -> str | None:
    if sys.platform == "win32":
        return _visual_studio(which)
    if sys.platform == "darwin" and not version_line(["xcode-select", "-p"]):
        return None  # /usr/bin/c++ is there, but only asks for the tools to be installed
    for name in (os.environ.get("CXX"), "c++", "g++", "clang++"):
        path = which(name.split()[0]) if name else None
        version = version_line([path, "--version"]) if path else ""
        if version:
            return version
    return None


def _visual_studio(which: Which) -> str | None:
    if which("cl"):
        return "MSVC on the path"
    programs = os.environ.get("ProgramFiles(x86)", r"C:\Program Files (x86)")  # noqa: SIM112 - its name
    vswhere = Path(programs) / "Microsoft Visual Studio" / "Installer" / "vswhere.exe"
    tools = "Microsoft.VisualStudio.Component.VC.Tools.x86.x64"
    query = [str(vswhere), "-products", "*", "-requires", tools, "-latest", "-property"]
    return version_line([*query, "installationVersion"]) or None


def _cmake(which: Which) -> str | None:
    path = which("cmake")
    return (version_line([path, "--version"]) or None) if path else None
