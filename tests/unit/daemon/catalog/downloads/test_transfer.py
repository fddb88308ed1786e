"""One file over a real socket: what is continued, what is refused, what is tried again."""

import errno
import hashlib
import os

import pytest

from tests.unit.daemon.catalog.downloads.conftest import DATA, FILE, REPOSITORY, Stop, Yard
from velocity_local.core.errors import Conflict, DiskFull, HubError
from velocity_local.daemon.catalog import provenance
from velocity_local.daemon.catalog.downloads.connection import MAX_FRUITLESS_ATTEMPTS
from velocity_local.daemon.catalog.downloads.stopping import Stopped

CUT = 100_000


def cut(yard: Yard, *, at: int = CUT) -> None:
    """Break the first connection off, as a kill would."""
    yard.hub.faults.cut_after = lambda number: at if number == 0 else None
    with pytest.raises(Stopped):
        yard.pull(Stop(at_wait=1))


def test_a_whole_file_has_the_promised_bytes_and_leaves_nothing_beside_it(yard: Yard) -> None:
    delivery = yard.pull()
    assert yard.target.read_bytes() == DATA
    assert yard.names() == [f"{REPOSITORY}/{FILE}"]
    assert delivery.progress.done_bytes == delivery.progress.total_bytes == len(DATA)


def test_a_broken_connection_is_continued_where_it_was(yard: Yard) -> None:
    yard.hub.faults.cut_after = lambda number: CUT if number < 3 else None
    stop = Stop()
    delivery = yard.pull(stop)
    assert yard.target.read_bytes() == DATA
    assert [asked.first_byte for asked in yard.hub.storage] == [0, CUT, 2 * CUT, 3 * CUT]
    assert yard.hub.sent_bytes == len(DATA)
    assert delivery.progress.retries == 3


def test_what_an_earlier_process_left_is_continued(yard: Yard) -> None:
    cut(yard)
    assert not yard.target.exists()
    assert yard.here_bytes == CUT
    yard.pull()
    assert yard.target.read_bytes() == DATA
    assert yard.hub.sent_bytes == len(DATA)


def test_a_part_of_other_content_is_not_continued(yard: Yard) -> None:
    cut(yard)
    changed = DATA[::-1]
    yard.hub.put(REPOSITORY, **{FILE: changed})
    yard.pull()
    assert yard.target.read_bytes() == changed
    assert yard.hub.storage[-1].first_byte == 0


def test_a_part_without_its_journal_is_not_continued(yard: Yard) -> None:
    cut(yard)
    yard.part.with_name(FILE + ".part.json").unlink()
    yard.pull()
    assert yard.target.read_bytes() == DATA
    assert yard.hub.storage[-1].first_byte == 0


def test_a_changed_etag_begins_again(yard: Yard) -> None:
    cut(yard)
    yard.hub.etag = '"second"'
    yard.pull()
    assert yard.target.read_bytes() == DATA
    assert [asked.first_byte for asked in yard.hub.storage] == [0, CUT, 0]


def test_a_server_that_ignores_the_range_begins_again(yard: Yard) -> None:
    cut(yard)
    yard.hub.faults.ignores_range = True
    yard.pull()
    assert yard.target.read_bytes() == DATA


def test_another_part_than_the_one_asked_for_is_never_kept(yard: Yard) -> None:
    cut(yard)
    yard.hub.faults.wrong_part = True
    yard.pull()
    assert yard.target.read_bytes() == DATA


def test_wrong_bytes_of_the_right_size_are_removed_and_told(yard: Yard) -> None:
    yard.hub.faults.corrupt = True
    with pytest.raises(HubError, match="SHA-256"):
        yard.pull()
    assert not yard.target.exists()
    assert yard.here_bytes == 0


def test_more_bytes_than_announced_are_refused(yard: Yard) -> None:
    yard.hub.faults.extra_bytes = 1
    with pytest.raises(HubError, match="more than"):
        yard.pull()
    assert not yard.target.exists()
    assert yard.here_bytes <= len(DATA)


def test_compressed_bytes_are_refused(yard: Yard) -> None:
    yard.hub.faults.encoding = "gzip"
    with pytest.raises(HubError, match="compressed"):
        yard.pull()


def test_a_busy_hub_is_asked_again_when_it_says(yard: Yard) -> None:
    yard.hub.faults.status = lambda number: 503 if number < 2 else None
    stop = Stop()
    yard.pull(stop)
    assert yard.target.read_bytes() == DATA
    assert stop.delays_s == [7.0, 7.0]


def test_attempts_that_bring_nothing_end(yard: Yard) -> None:
    yard.hub.faults.cut_after = lambda number: 0
    stop = Stop()
    with pytest.raises(HubError, match="attempts brought nothing"):
        yard.pull(stop)
    assert stop.delays_s == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert len(yard.hub.storage) == MAX_FRUITLESS_ATTEMPTS


def test_a_file_that_is_here_already_is_verified_and_not_fetched(yard: Yard) -> None:
    yard.pull()
    sent = yard.hub.sent_bytes
    yard.pull()
    assert yard.hub.sent_bytes == sent


def test_another_file_of_that_name_is_never_overwritten(yard: Yard) -> None:
    yard.target.parent.mkdir(parents=True)
    yard.target.write_bytes(b"mine")
    with pytest.raises(Conflict, match="move it away"):
        yard.pull()
    assert yard.target.read_bytes() == b"mine"


def test_a_stale_part_never_replaces_a_whole_file(yard: Yard) -> None:
    yard.pull()
    yard.part.write_bytes(b"stale")
    yard.pull()
    assert yard.target.read_bytes() == DATA
    assert yard.names() == [f"{REPOSITORY}/{FILE}"]


def test_a_disk_that_fills_up_is_told_and_what_has_come_is_continued(
    yard: Yard, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(descriptor: int, data: memoryview) -> int:
        if os.lseek(descriptor, 0, os.SEEK_CUR) in range(250_000, len(DATA)):
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, data)

    write = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(DiskFull, match="make room"):
            yard.pull()
    assert not yard.target.exists()
    here = yard.here_bytes
    assert 0 < here < len(DATA)
    yard.pull()
    assert yard.target.read_bytes() == DATA
    assert yard.hub.storage[-1].first_byte == here


def test_an_order_to_stop_is_seen_between_pieces(yard: Yard) -> None:
    with pytest.raises(Stopped):
        yard.pull(Stop(is_stopped=True))
    assert not yard.target.exists()


def test_the_parts_of_a_model_appear_together_and_the_first_one_last(yard: Yard) -> None:
    parts = {f"big-Q8_0-0000{number}-of-00002.gguf": bytes([number]) * 50_000 for number in (1, 2)}
    yard.hub.put("owner/big", **parts)
    yard.hub.faults.status = lambda number: 404 if number == 1 else None
    with pytest.raises(Exception, match="404"):
        yard.delivery("owner/big:Q8_0").run(Stop())
    assert not any(name.endswith(".gguf") for name in yard.names())
    yard.hub.faults.status = lambda number: None
    delivery = yard.delivery("owner/big:q8_0")
    delivery.run(Stop())
    assert yard.names() == [f"owner/big/{name}" for name in parts]
    assert delivery.model == "owner/big/big-Q8_0"
    digest = hashlib.sha256((yard.models / "owner/big/big-Q8_0-00002-of-00002.gguf").read_bytes())
    assert digest.hexdigest() == hashlib.sha256(bytes([2]) * 50_000).hexdigest()


def test_where_a_file_came_from_is_noted_beside_it(yard: Yard) -> None:
    yard.pull()
    noted = provenance.read(yard.target)
    assert noted is not None
    assert (noted.repository, noted.path) == (REPOSITORY, FILE)
    assert noted.digest == f"sha256:{hashlib.sha256(DATA).hexdigest()}"


def test_a_projector_comes_with_the_model_and_is_visible_before_it(yard: Yard) -> None:
    files = {
        "eye-Q8_0.gguf": b"m" * 40_000,
        "eye-Q4_0.gguf": b"n" * 20_000,
        "mmproj-eye-Q8_0.gguf": b"p" * 5_000,
        "mmproj-eye-F16.gguf": b"q" * 9_000,
        "mtp-eye-Q8_0.gguf": b"d" * 3_000,
        "imatrix.gguf": b"i" * 1_000,
    }
    yard.hub.put("owner/eye", **files)
    delivery = yard.delivery("owner/eye:Q8_0")
    assert delivery.progress.total_bytes == 40_000 + 9_000 + 3_000
    delivery.run(Stop())
    wanted = ["eye-Q8_0.gguf", "mmproj-eye-F16.gguf", "mtp-eye-Q8_0.gguf"]
    assert yard.names() == [f"owner/eye/{name}" for name in wanted]
    assert delivery.model == "owner/eye/eye-Q8_0"
