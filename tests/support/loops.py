"""Event loops to run socket tests on."""

import asyncio
import sys


def product_loop() -> asyncio.AbstractEventLoop:
    """The loop that the daemon runs on."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()
