"""Kills the daemon many times while it downloads, and counts the cost; prints one JSON object.

    python -m tests.process.downloads.kill_drive --kills 100

A file of some ranges comes from a hub on this machine, paced, over four connections. After each
kill every file that the catalogue would show is hashed. At the end the download is let through.
"""

import argparse
import hashlib
import json
import random
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.support.daemon import RunningDaemon, running_daemon
from tests.support.hub import LocalHub, local_hub

REPOSITORY = "owner/killed-GGUF"
FILE = "killed-Q8_0.gguf"
MIB = 1024 * 1024
PATIENCE_S = 120.0
LONGEST_LIFE_S = 0.6


@dataclass
class Tally:
    kills: int = 0
    kills_while_running: int = 0
    size_bytes: int = 0
    sent_bytes: int = 0
    wrong_files: int = 0
    is_right: bool = False

    @property
    def allowed_bytes(self) -> int:
        return int(1.05 * self.size_bytes) + MIB * self.kills

    @property
    def wasted_bytes_per_kill(self) -> float:
        return (self.sent_bytes - self.size_bytes) / max(self.kills, 1)


def drive(kills: int, *, size_mib: int, folder: Path, seed: int = 5) -> Tally:
    random_, tally = random.Random(seed), Tally()
    data = b"".join(random_.randbytes(MIB) for _ in range(size_mib))
    digest = hashlib.sha256(data).hexdigest()
    tally.size_bytes = len(data)
    with local_hub() as hub:
        hub.put(REPOSITORY, **{FILE: data})
        hub.hashes[FILE] = digest
        # Some 25 MB/s over four connections: slow enough to be killed on the way.
        hub.faults.piece_bytes, hub.faults.piece_delay_s = 64 * 1024, 0.01
        for _ in range(kills):
            _live_and_die(folder, hub, random_, tally)
            tally.wrong_files += _wrong_files(folder, digest)
        hub.faults.piece_delay_s = 0.0
        with running_daemon(folder, *_FLAGS, environment={"HF_ENDPOINT": hub.url}) as daemon:
            _wait_done(daemon, _begin(daemon))
        tally.sent_bytes = hub.sent_bytes
    path = folder / "models" / REPOSITORY / FILE
    tally.is_right = hashlib.sha256(path.read_bytes()).hexdigest() == digest
    return tally


_FLAGS = ("--set", "fleet.preload=")


def _live_and_die(folder: Path, hub: LocalHub, random_: random.Random, tally: Tally) -> None:
    with running_daemon(folder, *_FLAGS, environment={"HF_ENDPOINT": hub.url}) as daemon:
        identifier = _begin(daemon)
        threading.Event().wait(random_.uniform(0, LONGEST_LIFE_S))
        state = _download(daemon, identifier)["state"]
        daemon.process.kill()
        daemon.process.wait()
    tally.kills += 1
    tally.kills_while_running += state in {"running", "verifying"}


def _begin(daemon: RunningDaemon) -> str:
    status, body = daemon.get(
        "/api/v1/downloads", method="POST", body={"model": f"{REPOSITORY}:Q8_0"}
    )
    assert status == 202, body
    return str(json.loads(body)["id"])


def _download(daemon: RunningDaemon, identifier: str) -> dict[str, object]:
    status, body = daemon.get(f"/api/v1/downloads/{identifier}")
    assert status == 200, body
    found: dict[str, object] = json.loads(body)
    return found


def _wait_done(daemon: RunningDaemon, identifier: str) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while (found := _download(daemon, identifier))["state"] != "done":
        assert found["state"] != "failed", found["error"]
        assert time.monotonic() < deadline_s, found
        threading.Event().wait(0.05)


def _wrong_files(folder: Path, digest: str) -> int:
    """Files under a name that the catalogue shows, with other bytes than those promised."""
    shown = (folder / "models").rglob("*.gguf")
    return sum(hashlib.sha256(path.read_bytes()).hexdigest() != digest for path in shown)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--size-mib", type=int, default=256)
    parser.add_argument("--seed", type=int, default=5)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        tally = drive(asked.kills, size_mib=asked.size_mib, folder=home, seed=asked.seed)
    report = asdict(tally) | {
        "allowed_bytes": tally.allowed_bytes,
        "wasted_bytes_per_kill": tally.wasted_bytes_per_kill,
    }
    sys.stdout.write(json.dumps(report, indent=2) + "\n")
    is_kept = tally.sent_bytes <= tally.allowed_bytes and tally.is_right and not tally.wrong_files
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
