"""Adapters in the fleet: they count as their model's memory, and leave its worker when told."""

import msgspec

from tests.unit.daemon.fleet.stage import MIB, Stage
from velocity_local.core.adapters import Adapter
from velocity_local.core.models import LoadOptions
from velocity_local.core.requests import GenerationRequest, TextPrompt
from velocity_local.daemon.fleet.ledger import Ledger
from velocity_local.daemon.fleet.tickets import new_ticket
from velocity_local.wire.ipc.messages import ForgetAdapter, Generate

BIG = Adapter("m", "big", "/models/big.gguf", "print", 300 * MIB, 16, 84)


def test_all_adapters_of_a_model_are_its_memory() -> None:
    ledger, entry = Ledger(), Stage().entry("m")
    with_two = msgspec.structs.replace(entry, adapters=(BIG, BIG))
    plain = ledger.size_bytes(entry, LoadOptions())
    assert ledger.size_bytes(with_two, LoadOptions()) == plain + 600 * MIB


def test_one_added_while_the_model_runs_counts_from_then_on() -> None:
    stage = Stage()
    stage.ask("x")
    stage.up()
    stage.adapters = (BIG,)
    stage.ask("y")
    stage.effects.free_bytes = 100 * MIB
    stage.sizes["n"] = 200 * MIB
    stage.finish("x")
    stage.finish("y")
    stage.ask("z", model="n")
    assert stage.state("m") == "unloading", "its adapter's bytes come free with it"
    assert stage.callers["z"].failure is None


def test_a_worker_is_told_to_forget() -> None:
    stage = Stage()
    stage.ask("x")
    stage.supervisor.forget_adapter("m", BIG.key)
    assert not [command for _, command in stage.effects.sent if isinstance(command, ForgetAdapter)]
    stage.up()
    stage.supervisor.forget_adapter("m", BIG.key)
    stage.supervisor.forget_adapter("unknown", BIG.key)
    told = [command for _, command in stage.effects.sent if isinstance(command, ForgetAdapter)]
    assert told == [ForgetAdapter(BIG.key)]


def test_a_stream_that_goes_on_brings_its_adapter_along() -> None:
    stage = Stage()
    request = GenerationRequest(id="x", model="m", prompt=TextPrompt("x"), adapter=BIG)
    stage.submit("x", request)
    stage.up()
    stage.say("x", "abc")
    stage.die("SIGKILL")
    stage.restart()
    stage.up()
    begun = [command for _, command in stage.effects.sent if isinstance(command, Generate)]
    assert [command.request.adapter for command in begun] == [BIG, BIG]
    assert begun[1].resumed[0].text_chars == 3


def test_a_prompt_that_kills_with_one_adapter_is_not_refused_without() -> None:
    def key(adapter: Adapter | None) -> bytes:
        request = GenerationRequest("x", "m", TextPrompt("x"), adapter=adapter)
        sink = Stage().ask("x")
        ticket = new_ticket(1, request, sink=sink, model="m", fingerprint="f", submitted_s=0.0)
        return ticket.content_key()

    other = msgspec.structs.replace(BIG, scale=0.5)
    assert len({key(None), key(BIG), key(other)}) == 3
    assert key(BIG) == key(msgspec.structs.replace(BIG, name="another name"))
