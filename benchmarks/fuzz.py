"""Fuzzes the readers of model files by coverage, for so much processor time.

    python -m benchmarks.fuzz --minutes 30          needs atheris (Linux): pip install ".[fuzz]"

It begins with small sound files, or goes on with those in `--corpus`, and ends at the first input
that gets anything but the readers' own error out of them, takes a second of processor time or more
than 512 MiB. That input is kept beside the corpus, and the exit code is 1.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from tests.support.gguf import gguf
from tests.support.mlx import mlx_files
from tests.support.safetensors import safetensors

_MAX_INPUT_BYTES = 8192
_MAX_RSS_MIB = 512
_LOOK_S = 1.0
# Only for an input that never ends; the target itself looks at the processor's time.
_STUCK_S = 300
_PULSE = re.compile(r"#(?P<runs>\d+)\s+\w+\s+cov: (?P<cov>\d+) ft: (?P<ft>\d+) corp: (?P<corp>\d+)")
_FINAL = re.compile(r"stat::(?P<name>\w+):\s+(?P<value>\d+)")


class Session:
    """libFuzzer in a process of its own, and what it says."""

    def __init__(self, corpus: Path, escapes: Path) -> None:
        command = [sys.executable, "-m", "benchmarks.fuzz_target", str(corpus)]
        command += [f"-artifact_prefix={escapes}/", f"-timeout={_STUCK_S}", "-print_final_stats=1"]
        command += [f"-rss_limit_mb={_MAX_RSS_MIB}", f"-max_len={_MAX_INPUT_BYTES}"]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self._usage = psutil.Process(self._process.pid)
        self._escapes = escapes
        self._pulses: list[dict[str, int]] = []
        self._final: dict[str, int] = {}
        self._cpu_s = 0.0
        self._said: list[str] = []

    def run(self, cpu_s: float) -> bool:
        """Whether nothing escaped in so many seconds of processor time."""
        listener = threading.Thread(target=self._listen)
        listener.start()
        while self._process.poll() is None:
            if self._spent_s() >= cpu_s:
                self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_LOOK_S)
        listener.join()
        return not any(self._escapes.iterdir()) and bool(self._final)

    def report(self) -> dict[str, Any]:
        first, last = self._pulses[0], self._pulses[-1]
        return {
            "cpu_minutes": round(self._cpu_s / 60, 1),
            "executions": self._final.get("number_of_executed_units", last["runs"]),
            "covered": {"at_first": first["cov"], "at_last": last["cov"]},
            "features": {"at_first": first["ft"], "at_last": last["ft"]},
            "inputs_kept": last["corp"],
            "slowest_s": self._final.get("slowest_unit_time_sec"),
            "peak_rss_mib": self._final.get("peak_rss_mb"),
            "escapes": sorted(path.name for path in self._escapes.iterdir()),
        }

    @property
    def said(self) -> str:
        """The end of what it wrote."""
        return "".join(self._said[-60:])

    def _listen(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self._note(line)

    def _note(self, line: str) -> None:
        self._said = [*self._said[-200:], line]
        if (pulse := _PULSE.match(line)) is not None:
            self._pulses.append({name: int(value) for name, value in pulse.groupdict().items()})
        elif (final := _FINAL.match(line)) is not None:
            self._final[final["name"]] = int(final["value"])

    def _spent_s(self) -> float:
        try:
            times = self._usage.cpu_times()
        except psutil.NoSuchProcess:  # it has just ended by itself
            return self._cpu_s
        self._cpu_s = times.user + times.system
        return self._cpu_s


def _seed(corpus: Path) -> None:
    corpus.mkdir(parents=True, exist_ok=True)
    (corpus / "sound.gguf").write_bytes(gguf())
    (corpus / "sound.safetensors").write_bytes(safetensors())
    for name in ("config.json", "tokenizer_config.json", "model.safetensors.index.json"):
        (corpus / name).write_bytes(mlx_files()[name])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="of processor time")
    parser.add_argument("--corpus", type=Path, help="kept and grown; else a folder for this once")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus = asked.corpus or Path(folder) / "corpus"
        escapes = corpus.with_name(corpus.name + "-escapes")
        escapes.mkdir(parents=True, exist_ok=True)
        _seed(corpus)
        session = Session(corpus, escapes)
        is_sound = session.run(60 * asked.minutes)
        sys.stdout.write(json.dumps(session.report(), indent=2) + "\n")
        if not is_sound:
            sys.stderr.write(session.said)
    return 0 if is_sound else 1


if __name__ == "__main__":
    sys.exit(main())
