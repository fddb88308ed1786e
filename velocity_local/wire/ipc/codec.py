"""Frames: a 4-byte little-endian length, then one msgpack message. Never pickle."""

import struct
from collections.abc import Iterator
from typing import TypeVar

import msgspec

from velocity_local.wire.ipc.messages import AnyCommand, AnyReport, Command, Report

MAX_FRAME_BYTES = 64 * 1024 * 1024
_LENGTH = struct.Struct("<I")
T = TypeVar("T")


class FrameError(Exception):
    """The byte stream is not a sequence of frames: too long, or not the messages expected."""


_encoder = msgspec.msgpack.Encoder()
_commands: msgspec.msgpack.Decoder[AnyCommand] = msgspec.msgpack.Decoder(AnyCommand)
_reports: msgspec.msgpack.Decoder[AnyReport] = msgspec.msgpack.Decoder(AnyReport)


def encode(message: Command | Report) -> bytes:
    """The message as one frame.

    Raises:
        FrameError: if it is longer than `MAX_FRAME_BYTES`.
    """
    body = _encoder.encode(message)
    if len(body) > MAX_FRAME_BYTES:
        raise FrameError(f"message of {len(body)} bytes; at most {MAX_FRAME_BYTES}")
    return _LENGTH.pack(len(body)) + body


def decode_command(body: bytes) -> AnyCommand:
    return _decode(_commands, body)


def decode_report(body: bytes) -> AnyReport:
    return _decode(_reports, body)


def _decode(decoder: msgspec.msgpack.Decoder[T], body: bytes) -> T:
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FrameError(f"frame of {len(body)} bytes is not a message: {error}") from error


class FrameSplitter:
    """Cuts a byte stream into frame bodies, whatever pieces it arrives in."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The bodies completed by `data`.

        Raises:
            FrameError: if a frame announces more than `MAX_FRAME_BYTES`.
        """
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(self._buffer)
            if size > MAX_FRAME_BYTES:
                raise FrameError(f"frame of {size} bytes announced; at most {MAX_FRAME_BYTES}")
            end = _LENGTH.size + size
            if len(self._buffer) < end:
                return
            body = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield body
