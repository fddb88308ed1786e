"""Thousands of random events against a few promises: what must hold whatever happens.

A model worker keeps the protocol but dies, hangs, refuses and fails to load at any time.
"""

import random

import pytest

from tests.unit.daemon.fleet.stage import IDLE, LOADED, Caller, Stage
from velocity_local.core.errors import ErrorInfo
from velocity_local.core.events import (
    Delta,
    EngineTimings,
    Event,
    Failed,
    Finished,
    Started,
    Usage,
)
from velocity_local.daemon.fleet.exits import Exit
from velocity_local.wire.ipc.messages import (
    Cancel,
    Generate,
    Load,
    Loaded,
    LoadFailed,
    Pong,
    Refused,
    Resumed,
    Shutdown,
    Step,
)

MODELS = ("a", "b", "c")
STEPS = 400
TEXT = "abcdefghijklmnopqrstuvwxyz"
FINISHED = Finished(0, "stop", Usage(1, 1), EngineTimings(0.0, 0.0, 0.0))


class FakeWorker:
    """Says the alphabet to everybody, from where another worker left off."""

    def __init__(self, id_: int, model: str) -> None:
        self.id = id_
        self.model = model
        self.is_asked = False
        self.is_loaded = False
        self.place: dict[int, int] = {}

    def told(self, command: object) -> None:
        if isinstance(command, Load):
            self.is_asked = True
        elif isinstance(command, Generate):
            assert self.is_loaded, "a request before the model is loaded"
            assert command.handle not in self.place, "the same request twice"
            self.place[command.handle] = _place(command.resumed)
        elif isinstance(command, Cancel):
            self.place.pop(command.handle, None)


def _place(resumed: tuple[Resumed, ...]) -> int:
    if not resumed:
        return 0
    assert resumed[0].text_chars == len(resumed[0].tokens)
    return resumed[0].text_chars


class Chaos:
    """Plays a random story on a stage."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.stage = Stage(max_loaded_models=2, max_starts=12)
        self.workers: dict[int, FakeWorker] = {}
        self.seen_spawns = 0
        self.seen_sends = 0
        self.cancelled: set[str] = set()
        self.unloads: list[str] = []

    def run(self) -> None:
        for number in range(STEPS):
            self._event(number)
            self._follow()
            self._check()
        self._calm_down()

    def _event(self, number: int) -> None:
        pick = self.random.random()
        if pick < 0.2:
            self.stage.ask(f"r{number}", model=self.random.choice(MODELS))
        elif pick < 0.25:
            self._cancel()
        elif pick < 0.26:
            model = self.random.choice(MODELS)
            self.stage.supervisor.unload(model, lambda: self.unloads.append(model))
        elif pick < 0.4 and self.stage.effects.timers:
            self._fire()
        elif self.workers:
            self._act(self.random.choice(list(self.workers.values())))
        self.stage.clock.advance(self.random.random())

    def _cancel(self) -> None:
        open_names = [name for name, caller in self.stage.callers.items() if not ends(caller)]
        if open_names:
            name = self.random.choice(open_names)
            self.cancelled.add(name)
            self.stage.cancel(name)

    def _fire(self) -> None:
        timer = self.random.choice(list(self.stage.effects.timers))
        self.stage.clock.advance(self.stage.effects.timers.pop(timer))
        self.stage.supervisor.on_timer(timer)

    def _act(self, worker: FakeWorker) -> None:
        pick = self.random.random()
        if pick < 0.08:
            self._die(worker)
        elif not worker.is_loaded:
            self._load(worker, fails=pick > 0.95)
        elif worker.place and pick < 0.9:
            self._speak(worker)
        elif worker.place and pick < 0.92:
            handle = worker.place.popitem()[0]
            self.stage.report(Refused(handle, ErrorInfo("x", "y")), worker=worker.id)
        elif pick < 0.93:
            self.stage.supervisor.on_garbage(worker.id, "noise")
        else:
            self.stage.report(Pong(1, IDLE), worker=worker.id)

    def _load(self, worker: FakeWorker, *, fails: bool) -> None:
        if not worker.is_asked:
            self.stage.supervisor.on_spawned(worker.id, worker.id)
            return
        if fails:
            self.stage.report(LoadFailed(ErrorInfo("model_failed", "z")), worker=worker.id)
            return
        worker.is_loaded = True
        self.stage.report(Loaded(LOADED, worker.id), worker=worker.id)

    def _speak(self, worker: FakeWorker) -> None:
        events: list[tuple[int, Event]] = []
        for handle, place in list(worker.place.items()):
            if place == 0:
                events.append((handle, Started(0, 1, 0)))
            if place == len(TEXT):
                events.append((handle, FINISHED))
                del worker.place[handle]
                continue
            events.append((handle, Delta(0, (place,), TEXT[place])))
            worker.place[handle] += 1
        self.stage.report(Step(tuple(events), IDLE), worker=worker.id)

    def _die(self, worker: FakeWorker) -> None:
        del self.workers[worker.id]
        outside = self.random.random() < 0.5
        self.stage.supervisor.on_exit(worker.id, Exit("gone", is_from_outside=outside))

    def _follow(self) -> None:
        """Carry out what was decided."""
        effects = self.stage.effects
        for id_, model in effects.spawned[self.seen_spawns :]:
            self.workers[id_] = FakeWorker(id_, model)
        self.seen_spawns = len(effects.spawned)
        for id_, command in effects.sent[self.seen_sends :]:
            assert id_ in self.workers, "a command to a worker that is gone"
            self.workers[id_].told(command)
        self.seen_sends = len(effects.sent)

    def _check(self) -> None:
        models = [worker.model for worker in self.workers.values()]
        assert len(models) == len(set(models)), "two workers for one model"
        assert len(models) <= 2, "more models than allowed"
        for caller in self.stage.callers.values():
            assert ends(caller) <= 1, f"{caller.name} ended twice"
            assert TEXT.startswith(caller.text), f"{caller.name} heard {caller.text}"

    def _calm_down(self) -> None:
        """Nothing bad happens any more: every request must come to its end."""
        for _ in range(5000):
            if all(ends(c) or c.name in self.cancelled for c in self.stage.callers.values()):
                break
            for worker in list(self.workers.values()):
                self._go_on(worker)
                self._follow()
            if self.stage.effects.timers and self.random.random() < 0.2:
                self._fire()
            self._follow()
            self._check()
        for caller in self.stage.callers.values():
            assert ends(caller) == 1 or caller.name in self.cancelled, caller
            assert not _finished(caller) or caller.text == TEXT

    def _go_on(self, worker: FakeWorker) -> None:
        is_leaving = any(
            id_ == worker.id and isinstance(command, Shutdown)
            for id_, command in self.stage.effects.sent
        )
        is_stopped = any(id_ == worker.id for id_, _ in self.stage.effects.stopped)
        if is_leaving or is_stopped:
            self._die(worker)
        elif not worker.is_loaded:
            self._load(worker, fails=False)
        elif worker.place:
            self._speak(worker)
        else:
            self.stage.report(Pong(1, IDLE), worker=worker.id)


def ends(caller: Caller) -> int:
    return len(caller.errors) + sum(isinstance(e, Finished | Failed) for e in caller.events)


def _finished(caller: Caller) -> bool:
    return bool(caller.events) and isinstance(caller.events[-1], Finished)


@pytest.mark.parametrize("seed", range(40))
def test_whatever_happens_each_request_ends_once_with_nothing_lost(seed: int) -> None:
    Chaos(seed).run()
