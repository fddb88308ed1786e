"""Asks one provider over a real socket, as the driver does."""

from dataclasses import dataclass

from tests.support.wire_server import Script, WireServer, wire_server
from velocity_local.lens.asks import Ask, Chat, Turn
from velocity_local.lens.door import Door
from velocity_local.lens.head import request_bytes
from velocity_local.lens.measure import Observation, Recorder
from velocity_local.lens.providers.registry import provider_named

HELLO = Ask(input=Chat((Turn("user", "Hello"),)), max_tokens=8)


@dataclass(frozen=True)
class Patience:
    first_byte_s: float = 5.0
    stall_s: float = 5.0
    total_s: float = 5.0


async def ask(
    script: Script,
    provider: str = "openai_compatible",
    ask: Ask = HELLO,
    *,
    patience: Patience = Patience(),
    key: str | None = None,
) -> tuple[Observation, WireServer]:
    """What one request gave, and the server with what it received."""
    async with wire_server(script) as server:
        door = Door(server.url, connect_timeout_s=5.0)
        seen = await exchange(door, provider, ask, patience=patience, key=key)
        door.close()
        return seen, server


async def exchange(
    door: Door,
    provider: str,
    ask: Ask,
    *,
    patience: Patience = Patience(),
    key: str | None = None,
) -> Observation:
    strategy = provider_named(provider)
    recorder = Recorder(strategy, ask)
    opened = await door.open()
    request = request_bytes(door, strategy.request(ask, model="m", key=key))
    outcome = await opened.connection.exchange(request, recorder, patience)
    door.give_back(opened.connection)
    return recorder.close(outcome)
