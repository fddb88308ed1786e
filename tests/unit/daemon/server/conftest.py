"""Sockets behave alike on the product's own loop and on asyncio's, which Windows has."""

import asyncio
from collections.abc import Callable, Mapping

import pytest

from tests.support.loops import product_loop

LoopFactory = Callable[[], asyncio.AbstractEventLoop]

ON_BOTH_LOOPS = frozenset({"test_protocol", "test_listener"})


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, LoopFactory]:
    if item.path.stem in ON_BOTH_LOOPS:
        return {"product loop": product_loop, "asyncio loop": asyncio.new_event_loop}
    return {"product loop": product_loop}
