"""The installed command in processes of its own, with a home of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = [sys.executable, "-m", "velocity_local.cli.main"]
TIMEOUT_S = 120


@dataclass(frozen=True)
class Ran:
    status: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return dict(json.loads(self.out))


@dataclass(frozen=True)
class Shell:
    """Types commands for one user, whose files are below `home`."""

    home: Path

    @property
    def environ(self) -> dict[str, str]:
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        return {**os.environ, "VELOCITY_HOME": str(self.home), "PATH": path}

    def run(self, *arguments: str, stdin: str = "") -> Ran:
        done = subprocess.run(
            [*COMMAND, *arguments],
            env=self.environ,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def open(self, *arguments: str, stdin: int = subprocess.DEVNULL) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [*COMMAND, *arguments],
            env=self.environ,
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )


@contextmanager
def shell_in(home: Path) -> Iterator[Shell]:
    """A shell whose daemon, if one was started, is stopped at the end."""
    shell = Shell(home)
    try:
        yield shell
    finally:
        assert shell.run("stop", "--timeout", "15").status == 0
