"""Everything a hub and the net between may do wrong, twenty times each, with the counts.

After each: a file that is visible has the promised bytes; nothing is written elsewhere; the token
was seen by the hub alone; what could be continued was not fetched twice.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.unit.daemon.catalog.downloads.conftest import DATA, FILE, REPOSITORY, TOKEN, Stop, Yard
from velocity_local.core.clock import ManualClock
from velocity_local.core.errors import VelocityError
from velocity_local.daemon.catalog.downloads import connection
from velocity_local.daemon.catalog.downloads import ranges as ranges_module
from velocity_local.daemon.catalog.downloads.stopping import Stopped
from velocity_local.daemon.catalog.fetch import Interrupted

TIMES = 20
STEP = 128 * 1024
# Bytes that were on their way when a connection was given up, on each of four.
ON_THE_WAY = 4 * 128 * 1024


@pytest.fixture(autouse=True)
def _small_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges_module, "LEAST_STEP_BYTES", STEP)


@dataclass(frozen=True)
class Fault:
    """`is_survived`: the file comes all the same; `factor` bounds the bytes that cost."""

    befall: Callable[[Yard, random.Random], None]
    is_survived: bool
    factor: float = 1.05


def _cut(yard: Yard, random_: random.Random) -> None:
    yard.hub.faults.cut_after = lambda number: random_.randrange(STEP) if number < 8 else None


def _refuse_ranges(yard: Yard, random_: random.Random) -> None:
    yard.hub.faults.ignores_range = True


def _change(yard: Yard, random_: random.Random) -> None:
    _cut(yard, random_)
    left = [random_.randrange(2, 8)]

    def etag() -> str:
        left[0] -= 1
        return '"first"' if left[0] > 0 else '"second"'

    yard.hub.faults.changing_etag = etag


def _change_always(yard: Yard, random_: random.Random) -> None:
    yard.hub.faults.changing_etag = lambda: f'"{random_.random()}"'


def _corrupt(yard: Yard, random_: random.Random) -> None:
    yard.hub.faults.corrupt = True


def _add(yard: Yard, random_: random.Random) -> None:
    yard.hub.faults.extra_bytes = random_.randint(1, 100_000)


def _compress(yard: Yard, random_: random.Random) -> None:
    yard.hub.faults.encoding = random_.choice(["gzip", "br", "zstd", "deflate"])


def _shorten(yard: Yard, random_: random.Random) -> None:
    """The listing says more bytes than there are."""
    yard.hub.repositories[REPOSITORY][FILE] = DATA[: -random_.randint(1, 1000)]
    yard.hub.sizes[FILE] = len(DATA)


def _busy(yard: Yard, random_: random.Random) -> None:
    status = random_.choice([408, 429, 500, 502, 503, 504])
    yard.hub.faults.status = lambda number: status if number % 2 == 0 and number < 12 else None


def _refuse(yard: Yard, random_: random.Random) -> None:
    status = random_.choice([400, 401, 403, 404, 410, 416, 451])
    yard.hub.faults.status = lambda number: status


def _lead_astray(yard: Yard, random_: random.Random) -> None:
    yard.hub.faults.location = random_.choice(
        [
            "http://example.com/x",
            "ftp://127.0.0.1/x",
            "file:///etc/passwd",
            "//10.0.0.1/x",
            "gopher:",
        ]
    )


def _other_part(yard: Yard, random_: random.Random) -> None:
    yard.hub.faults.wrong_part = True


def _promise_other_bytes(yard: Yard, random_: random.Random) -> None:
    yard.hub.hashes[FILE] = f"{random_.getrandbits(256):064x}"


def _claim_token(yard: Yard, random_: random.Random) -> None:
    """Storage that asks for the token, and names a realm that would give one for it."""
    yard.hub.faults.status = lambda number: 401


FAULTS = {
    "cut anywhere": Fault(_cut, is_survived=True),
    # Each of four connections may be sent all of it before it notices.
    "200 for 206": Fault(_refuse_ranges, is_survived=True, factor=5.0),
    "etag changes once": Fault(_change, is_survived=True, factor=2.1),
    "etag changes always": Fault(_change_always, is_survived=False, factor=4.1),
    "right size, wrong bytes": Fault(_corrupt, is_survived=False),
    "more bytes than promised": Fault(_add, is_survived=False, factor=2.0),
    "fewer bytes than promised": Fault(_shorten, is_survived=False),
    "compressed": Fault(_compress, is_survived=False),
    "busy": Fault(_busy, is_survived=True),
    "refused": Fault(_refuse, is_survived=False),
    "redirect elsewhere": Fault(_lead_astray, is_survived=False),
    "another part": Fault(_other_part, is_survived=True, factor=2.1),
    "hash of something else": Fault(_promise_other_bytes, is_survived=False),
    "storage asks for the token": Fault(_claim_token, is_survived=False),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_shows_no_wrong_file_and_costs_no_more_than_told(name: str, yard: Yard) -> None:
    fault, survived, wrong = FAULTS[name], 0, 0
    for number in range(TIMES):
        yard.reset(f"{name}{number}")
        fault.befall(yard, random.Random(number))
        try:
            yard.pull(Stop())
            survived += 1
        except (VelocityError, Interrupted):
            pass
        if yard.target.exists():
            wrong += yard.target.read_bytes() != DATA
        assert yard.hub.sent_bytes <= fault.factor * len(DATA) + ON_THE_WAY
        assert yard.outside() == []
        seen = [asked for asked in yard.hub.requests if TOKEN in str(asked.headers)]
        assert all(asked.path.startswith(("/api/", f"/{REPOSITORY}/resolve/")) for asked in seen)
    assert (survived, wrong) == (TIMES if fault.is_survived else 0, 0)


def test_a_hub_that_falls_silent_is_asked_again(yard: Yard) -> None:
    yard.stall_timeout_s = 0.2
    yard.connections = 1
    yard.hub.faults.hold_after = 64 * 1024
    yard.hub.faults.hold_once = True
    stop = Stop()
    delivery = yard.pull(stop)
    assert yard.target.read_bytes() == DATA
    assert (delivery.progress.retries, stop.delays_s) == (1, [1.0])


def test_a_hub_that_drips_is_asked_again(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> None:
    class Racing(ManualClock):
        """Half a second passes at each look."""

        def monotonic_s(self) -> float:
            self.advance(0.5)
            return super().monotonic_s()

    monkeypatch.setattr(connection, "SLOW_BYTES", 2 * len(DATA))
    yard.clock = Racing()
    yard.connections = 1
    yard.hub.faults.piece_bytes = 1000
    yard.hub.faults.piece_delay_s = 0.0005
    stop = Stop(at_wait=1)
    with pytest.raises(Stopped):
        yard.pull(stop)
    assert stop.delays_s == [1.0]


EVIL = [
    "../../evil-Q8_0.gguf", "/etc/evil-Q8_0.gguf", "a/../../evil-Q8_0.gguf", "..\\evil-Q8_0.gguf",
    "C:\\evil-Q8_0.gguf", "C:/evil-Q8_0.gguf", "\\\\host\\share\\evil-Q8_0.gguf",
    "//host/evil-Q8_0.gguf", ".hidden/evil-Q8_0.gguf", ".evil-Q8_0.gguf", "a//evil-Q8_0.gguf",
    "evil-Q8_0.gguf:stream", "con.gguf", "NUL-Q8_0.gguf/aux.gguf", "a./evil-Q8_0.gguf",
    "a /evil-Q8_0.gguf", "evil\x00-Q8_0.gguf", "evil\n-Q8_0.gguf", "\u202eevil-Q8_0.gguf",
    "e" * 300 + "-Q8_0.gguf", "a/b/c/d/e/evil-Q8_0.gguf", "~/evil-Q8_0.gguf", "-rf/evil-Q8_0.gguf",
    "%2e%2e/evil-Q8_0.gguf", "evil-Q8_0.gguf/..", "\uff0e\uff0e/evil-Q8_0.gguf", "evil*-Q8_0.gguf",
]  # fmt: skip


@pytest.mark.parametrize("path", EVIL)
def test_a_file_with_an_evil_name_is_neither_offered_nor_written(yard: Yard, path: str) -> None:
    yard.hub.repositories["owner/evil"] = {path: DATA[:1000], "good-Q4_0.gguf": DATA[:500]}
    with pytest.raises(VelocityError):
        yard.delivery("owner/evil:Q8_0")
    yard.delivery("owner/evil:Q4_0").run(Stop())
    assert yard.names() == ["owner/evil/good-Q4_0.gguf"]
    assert yard.outside() == []
