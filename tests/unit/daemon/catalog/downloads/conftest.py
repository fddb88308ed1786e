"""A hub on this machine, a models folder, and a model on its way from one to the other."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.hub import Faults, LocalHub, local_hub
from velocity_local.config.hub import HubAccess
from velocity_local.config.paths import data_root
from velocity_local.core.clock import ManualClock
from velocity_local.daemon.catalog.curated import Curated
from velocity_local.daemon.catalog.downloads.connection import Terms
from velocity_local.daemon.catalog.downloads.delivery import Delivery
from velocity_local.daemon.catalog.downloads.orders import Orders
from velocity_local.daemon.catalog.downloads.pace import Pace
from velocity_local.daemon.catalog.downloads.reference import parse
from velocity_local.daemon.catalog.downloads.variants import choose
from velocity_local.daemon.catalog.hub import Hub

TOKEN = "hf_canary"
REPOSITORY = "owner/model-GGUF"
FILE = "model-Q4_K_M.gguf"
DATA = bytes(range(256)) * 1024 * 2


@dataclass
class Stop:
    """Never waits; `delays_s` are those it was asked for. Set from the wait number `at_wait`."""

    is_stopped: bool = False
    at_wait: int | None = None
    delays_s: list[float] = field(default_factory=list)

    def is_set(self) -> bool:
        return self.is_stopped

    def wait(self, timeout: float | None = None) -> bool:
        self.delays_s.append(timeout or 0.0)
        self.is_stopped = self.is_stopped or len(self.delays_s) == self.at_wait
        return self.is_stopped


@dataclass
class Yard:
    hub: LocalHub
    models: Path
    clock: ManualClock = field(default_factory=ManualClock)
    connections: int = 4
    stall_timeout_s: float = 5.0
    _clients: dict[float, Hub] = field(default_factory=dict)

    @property
    def target(self) -> Path:
        return self.models / REPOSITORY / FILE

    @property
    def part(self) -> Path:
        return self.target.with_name(FILE + ".part")

    @property
    def here_bytes(self) -> int:
        """How much of the file is on disk, as its part says."""
        return self.delivery().progress.total_bytes - self.delivery().missing_bytes()

    def client(self) -> Hub:
        """The same one each time: reading the certificates to trust takes a tenth of a second."""
        if self.stall_timeout_s not in self._clients:
            access = HubAccess(self.hub.url, TOKEN)
            self._clients[self.stall_timeout_s] = Hub(access, stall_timeout_s=self.stall_timeout_s)
        return self._clients[self.stall_timeout_s]

    def delivery(self, text: str = f"{REPOSITORY}:Q4_K_M") -> Delivery:
        reference, client = parse(text), self.client()
        repository = client.repository(reference.repository)
        variant = choose(repository, reference)
        terms = Terms(self.connections, Pace(None, clock=self.clock), self.clock)
        return Delivery(client, repository, variant, self.models, terms=terms)

    def orders(self) -> Orders:
        """What asks this hub, and any address."""
        curated = Curated(data_root() / "catalog.toml")
        terms = Terms(self.connections, Pace(None, clock=self.clock), self.clock)
        return Orders(
            self.models,
            hub=self.client(),
            curated=curated,
            terms=terms,
            check_address=lambda _: None,
        )

    def pull(self, stop: Stop | None = None) -> Delivery:
        delivery = self.delivery()
        delivery.run(stop or Stop())
        return delivery

    def reset(self, name: str) -> None:
        """An empty models folder, and a hub without faults that has sent nothing yet."""
        self.models = self.models.with_name(f"models of {name}")
        self.models.mkdir()
        self.hub.faults = Faults()
        self.hub.hashes.clear()
        self.hub.sizes.clear()
        self.hub.requests.clear()
        self.hub.sent_bytes = 0
        self.hub.put(REPOSITORY, **{FILE: DATA})

    def outside(self) -> list[str]:
        """Files beside the models folders, where nothing belongs."""
        files = (path for path in self.models.parent.rglob("*") if path.is_file())
        return [
            str(path)
            for path in files
            if not path.parts[len(self.models.parent.parts)].startswith("models")
        ]

    def names(self) -> list[str]:
        """Every file below the models folder, without the records of where they came from."""
        files = (path for path in self.models.rglob("[!.]*") if path.is_file())
        return sorted(path.relative_to(self.models).as_posix() for path in files)


@pytest.fixture
def yard(tmp_path: Path) -> Iterator[Yard]:
    with local_hub() as hub:
        hub.put(REPOSITORY, **{FILE: DATA})
        models = tmp_path / "models"
        models.mkdir()
        yield Yard(hub, models)
