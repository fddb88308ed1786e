"""Where a page of a list ended: the last row seen, so that rows added meanwhile neither repeat nor
hide one.
"""

import base64
import binascii

import msgspec

from velocity_local.core.errors import InvalidRequest


class Cursor(msgspec.Struct, frozen=True, array_like=True):
    """What the list is sorted by, and the id that decides between equals."""

    value: float
    id: str


def encode(cursor: Cursor) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(cursor)).decode()


def decode(text: str) -> Cursor:
    """The cursor that was given out as `text`.

    Raises:
        InvalidRequest: if it was not.
    """
    try:
        return msgspec.json.decode(base64.urlsafe_b64decode(text), type=Cursor)
    except (binascii.Error, msgspec.DecodeError, ValueError) as error:
        raise InvalidRequest(
            "after is not a cursor; take it from `next` of the page before", param="after"
        ) from error
