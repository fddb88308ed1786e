"""A real daemon in a process of its own, with a home of its own, for tests over real sockets."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from velocity_local.config.paths import Paths, locate
from velocity_local.config.runtime import DaemonRecord, read_record

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 30.0


@dataclass
class RunningDaemon:
    """A daemon that listens; `base_url` is its root, without `/v1`."""

    process: subprocess.Popen[bytes]
    record: DaemonRecord
    paths: Paths
    home: Path

    @property
    def base_url(self) -> str:
        return self.record.base_url

    @property
    def token(self) -> str:
        return self.paths.token_file.read_text().strip()

    def get(self, path: str, *, method: str = "GET", body: object = None) -> tuple[int, bytes]:
        """Status and body of a request with the install token."""
        request = urllib.request.Request(
            self.base_url + path,
            method=method,
            data=None if body is None else msgspec.json.encode(body),
            headers={
                "Authorization": f"Bearer {self.token}",
                "Content-Type": "application/json",
            },
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def wait_ready(self) -> None:
        """Wait until a model can answer."""
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while True:
            status, body = self.get("/ready")
            if status == 200:
                return
            assert time.monotonic() < deadline_s, body
            time.sleep(0.02)

    def worker_pids(self) -> list[int]:
        status, body = self.get("/api/v1/status")
        assert status == 200, body
        return [worker["pid"] for worker in msgspec.json.decode(body)["workers"] if worker["pid"]]


@contextmanager
def running_daemon(
    home: Path,
    *flags: str,
    environment: Mapping[str, str] | None = None,
    module: str = "velocity_local.daemon",
) -> Iterator[RunningDaemon]:
    """Start a daemon below `home` on a free port; at the end, stop it or fail."""
    variables = {**os.environ, "VELOCITY_HOME": str(home), **(environment or {})}
    home.mkdir(mode=0o700, exist_ok=True)
    log = (home / "stderr.log").open("ab")
    process = subprocess.Popen(
        [sys.executable, "-m", module, "--port", "0", *flags],
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )
    try:
        paths = locate(variables)
        record = _wait_for_record(process, paths.daemon_file, home / "stderr.log")
        yield RunningDaemon(process, record, paths, home)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_TIMEOUT_S)
        finally:
            process.kill()
            log.close()


def _wait_for_record(process: subprocess.Popen[bytes], path: Path, log: Path) -> DaemonRecord:
    deadline_s = time.monotonic() + START_TIMEOUT_S
    while True:
        record = read_record(path)
        if record is not None and record.pid == process.pid:
            return record
        assert process.poll() is None, f"exit {process.returncode}: {log.read_text()}"
        assert time.monotonic() < deadline_s, log.read_text()
        time.sleep(0.01)
