"""Downloads one file from a hub on this machine, in turns with curl: ratios within each round.

    python -m benchmarks.download --mib 1024 --rounds 3

The daemon's time is a whole download: it looks the file up, fetches, hashes, makes it durable and
visible. curl only writes the bytes. Needs `curl`.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.http_get import get
from benchmarks.local_hub import PATH, REPOSITORY

_MIB = 1024 * 1024
_PATIENCE_S = 600.0


@contextmanager
def _hub(file: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "benchmarks.local_hub", str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.terminate()


class _Daemon:
    """A daemon with a home of its own, asked over its API."""

    def __init__(self, home: Path, hub: str) -> None:
        self._home = home
        self._command = [sys.executable, "-m", "velocity_local.cli.main"]
        self._environment = {**os.environ, "VELOCITY_HOME": str(home), "HF_ENDPOINT": hub}
        self._run("start", "--port", "0", "--no-wait", "--set", "fleet.preload=")
        record = json.loads((home / "state" / "run" / "daemon.json").read_bytes())
        self._url = record["base_url"]
        self._token = (home / "state" / "token").read_text().strip()

    def pull(self) -> float:
        """Seconds from asking until the file is visible."""
        began_s = time.perf_counter()
        self._run("pull", f"{REPOSITORY}:Q8_0", "--quiet")
        seconds = time.perf_counter() - began_s
        found = self._download()
        assert found["state"] == "done", found
        # What the command itself takes to start and to look is no part of the transfer.
        return min(seconds, float(found["ended_s"]) - float(found["created_s"]))

    def forget(self) -> None:
        shutil.rmtree(self._home / "models" / REPOSITORY)

    def stop(self) -> None:
        self._run("stop")

    def _download(self) -> dict[str, Any]:
        body = get(f"{self._url}/api/v1/downloads", token=self._token)
        assert body is not None
        newest: dict[str, Any] = json.loads(body)["items"][0]
        return newest

    def _run(self, *arguments: str) -> None:
        subprocess.run(
            [*self._command, *arguments],
            env=self._environment,
            check=True,
            timeout=_PATIENCE_S,
            stdout=subprocess.DEVNULL,
        )


def _curl(url: str, target: Path) -> float:
    began_s = time.perf_counter()
    subprocess.run(["curl", "-s", "-f", "-o", str(target), url], check=True, timeout=_PATIENCE_S)
    seconds = time.perf_counter() - began_s
    target.unlink()
    return seconds


def measure(folder: Path, *, mib: int, rounds: int) -> dict[str, Any]:
    file = folder / "file"
    with file.open("wb") as opened:
        for _ in range(mib):
            opened.write(os.urandom(_MIB))
    curl_s, pull_s = [], []
    with _hub(file) as hub:
        daemon = _Daemon(folder / "home", hub)
        try:
            for _ in range(rounds):
                curl_s.append(_curl(hub + PATH, folder / "curl"))
                pull_s.append(daemon.pull())
                daemon.forget()
                threading.Event().wait(0.5)
        finally:
            daemon.stop()
    ratios = [curl / pull for curl, pull in zip(curl_s, pull_s, strict=True)]
    return {
        "mib": mib,
        "curl_mib_per_s": [round(mib / seconds) for seconds in curl_s],
        "pull_mib_per_s": [round(mib / seconds) for seconds in pull_s],
        "speed_against_curl": round(median(ratios), 3),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        report = measure(Path(folder), mib=asked.mib, rounds=asked.rounds)
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
