"""The queue in HTTP headers: on which terms a request waits, what its caller is told of it, and how
long its model stays afterwards.
"""

import math
from collections.abc import Sequence

from velocity_local.core.errors import InvalidRequest
from velocity_local.core.queueing import PRIORITIES, Priority, QueueTerms
from velocity_local.daemon.gateway.admission import Place
from velocity_local.daemon.server.access import Caller
from velocity_local.daemon.server.context import AnyRequest
from velocity_local.daemon.server.sse import AT_WORK
from velocity_local.wire.http import headers

# What `terms_of` reads, for the routes' descriptions.
TAKEN = {headers.PRIORITY: Priority, headers.QUEUE_TIMEOUT: float, headers.KEEP_ALIVE: float}


_MOST_S = 1e9


def terms_of(request: AnyRequest) -> QueueTerms:
    """The terms in the request's headers; its API key says the rest.

    Raises:
        InvalidRequest: naming the header that holds no such value.
    """
    caller = request.scope["state"]["caller"]
    assert isinstance(caller, Caller)
    return QueueTerms(
        priority=_priority(request.headers.get(headers.PRIORITY), caller.priority),
        owner=caller.name,
        timeout_s=_seconds(request, headers.QUEUE_TIMEOUT),
    )


def keep_alive_of(request: AnyRequest) -> float | None:
    """How long the model is to stay unused after this request, if it says; 0 is for ever.

    Raises:
        InvalidRequest: naming the header.
    """
    seconds = _seconds(request, headers.KEEP_ALIVE)
    if seconds is not None and not 0 <= seconds <= _MOST_S:
        raise InvalidRequest(
            f"{headers.KEEP_ALIVE} is {seconds:g}; it must be from 0 to {_MOST_S:g} seconds",
            param=headers.KEEP_ALIVE,
        )
    return seconds


def headers_for(places: Sequence[Place]) -> dict[str, str]:
    """What is known now of the requests behind one answer: of the one that waits longest.

    The place and about how many seconds it will take, or for how long they waited.
    """
    waiting = [place for place in places if place.waited_s is None]
    if not waiting:
        waited_s = max((place.waited_s or 0.0 for place in places), default=0.0)
        return {headers.QUEUE_WAITED: str(round(waited_s * 1000))}
    last = max(waiting, key=lambda place: place.position)
    told = {headers.QUEUE_POSITION: str(last.position)}
    if last.estimate_s is not None:
        told[headers.QUEUE_ESTIMATE] = str(math.ceil(last.estimate_s))
    return told


def comment_for(places: Sequence[Place]) -> str:
    """The same for a stream's reader, in words."""
    told = headers_for(places)
    if headers.QUEUE_POSITION not in told:
        return AT_WORK
    seconds = f", about {told[headers.QUEUE_ESTIMATE]} s" if headers.QUEUE_ESTIMATE in told else ""
    return f"waiting, place {told[headers.QUEUE_POSITION]}{seconds}"


def _priority(text: str | None, default: Priority) -> Priority:
    if text is None:
        return default
    if text not in PRIORITIES:
        raise InvalidRequest(
            f"{headers.PRIORITY} is {text[:40]!r}; it must be one of {', '.join(PRIORITIES)}",
            param=headers.PRIORITY,
        )
    return text


def _seconds(request: AnyRequest, header: str) -> float | None:
    text = request.headers.get(header)
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise InvalidRequest(
            f"{header} is {text[:40]!r}; it must be a number of seconds", param=header
        )
    return seconds
