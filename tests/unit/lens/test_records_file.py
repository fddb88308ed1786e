"""Records on a disk that gets full."""

import errno
import io
from typing import cast

import msgspec

from velocity_local.lens.records_file import RecordsFile
from velocity_local.lens.results import CacheState, RequestRecord


class FullDisk(io.BytesIO):
    """Takes some bytes, then says what a full disk says."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.room = room

    def write(self, data: object) -> int:
        if self.tell() + len(cast("bytes", data)) > self.room:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(cast("bytes", data))


def record(index: int) -> RequestRecord:
    return RequestRecord(
        index=index,
        intended_start_s=0.0,
        start_s=0.0,
        sent_s=0.0,
        cache_state=CacheState.COLD,
    )


def test_every_record_is_a_line() -> None:
    file = io.BytesIO()
    records = RecordsFile(file)
    for index in range(3):
        records.write(record(index))
    lines = file.getvalue().splitlines()
    assert [msgspec.json.decode(line, type=RequestRecord).index for line in lines] == [0, 1, 2]
    assert records.fault is None


def test_a_full_disk_ends_the_file_and_not_the_run() -> None:
    file = FullDisk(200)
    records = RecordsFile(file)
    for index in range(50):
        records.write(record(index))
    assert records.fault == "No space left on device"
    assert 0 < len(file.getvalue()) <= 200
    assert file.getvalue().endswith(b"\n")
    records.close()
