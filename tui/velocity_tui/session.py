"""The only user of the network: watches the daemon, and asks it what the screens need.

Every question raises `client.errors.ClientError`, which says what and which.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import msgspec

from velocity_local.client import api, conversations, memory, tuning
from velocity_local.client.chat import ChatRequest
from velocity_local.client.errors import Unreachable
from velocity_local.client.history_csv import csv_lines
from velocity_local.client.http import HttpClient
from velocity_local.config import edit, paths, secrets
from velocity_local.config.load import load
from velocity_local.config.secrets import ApiKey
from velocity_local.core.aliases import Alias
from velocity_local.core.clock import Clock, SystemClock
from velocity_local.core.conversations import Conversation, Summary
from velocity_local.core.downloads import Download
from velocity_local.core.history import RequestRow
from velocity_local.core.ids import IdSource
from velocity_local.core.search import Found, Use
from velocity_local.wire.http.admin import (
    ConfigList,
    LogLines,
    ModelItem,
    RepositoryAnswer,
    RequestList,
    SystemAnswer,
)
from velocity_local.wire.http.conversations import ConversationChange
from velocity_local.wire.http.fit import FitAnswer
from velocity_local.wire.http.library import RemovedModel
from velocity_local.wire.http.search import SearchAnswer
from velocity_local.wire.http.tuning import OptionList
from velocity_tui import programs
from velocity_tui.answering import Answering
from velocity_tui.bench import Comparison, ComparisonDocument, KeptRun, KeptRuns, Plan
from velocity_tui.door import Door
from velocity_tui.keeping import Keeping
from velocity_tui.programs import Measuring
from velocity_tui.state import Snapshot, Up
from velocity_tui.threads import on_thread
from velocity_tui.watch import Watch

DEMO = "demo"
"""The id of the model that is shipped."""
_LIST = 50
P = ParamSpec("P")
T = TypeVar("T")


class Session:
    """One daemon, which may come and go. Lives on the app's event loop."""

    def __init__(self, door: Door, *, clock: Clock | None = None) -> None:
        self._door = door
        self._clock = clock or SystemClock()
        self._watch = Watch(door, clock=self._clock)
        self._ids = IdSource(self._clock)
        self.keeping = Keeping(lambda: self._watch.client)

    @property
    def where(self) -> str:
        return self._door.where

    async def watch(self, tell: Callable[[Snapshot], object]) -> None:
        """Tell each state of the daemon, until cancelled."""

        def seen(snapshot: Snapshot) -> None:
            tell(snapshot)
            if isinstance(snapshot.link, Up):
                self.keeping.wake()

        await self._watch.run(seen)

    def new_id(self, prefix: str) -> str:
        return self._ids.new(prefix)

    async def start_daemon(self) -> None:
        await self._watch.start_daemon()

    async def models(self) -> list[ModelItem]:
        return await self._ask(api.models)

    async def load(self, model_id: str) -> ModelItem:
        """Return once it can answer, which may take minutes."""
        return await self._ask(api.load, model_id)

    async def unload(self, model_id: str) -> ModelItem:
        return await self._ask(api.unload, model_id)

    async def offer(self, repository: str) -> RepositoryAnswer:
        """What a repository of the hub has."""
        return await self._ask(api.repository, repository)

    async def pull(self, model: str) -> Download:
        return await self._ask(api.start_download, model)

    async def downloads(self) -> tuple[Download, ...]:
        return await self._ask(api.downloads)

    async def download(self, identifier: str) -> Download:
        return await self._ask(api.download, identifier)

    async def shipped_models(self, use: Use) -> tuple[Found, ...]:
        """Those on the shipped list, each with what it would take of the daemon's machine."""
        return (await self.search("", use=use)).items

    async def system(self) -> SystemAnswer:
        return await self._ask(api.system)

    async def is_untouched(self) -> bool:
        """Whether nothing was ever asked of the daemon, and it has its demo model alone."""
        models = await self.models()
        if any(model.id != DEMO for model in models):
            return False
        return not (await self.request_page(limit=1)).items and not await self.conversations("")

    async def cancel_download(self, identifier: str) -> Download:
        return await self._ask(api.cancel_download, identifier)

    async def pause_download(self, identifier: str) -> Download:
        return await self._ask(api.pause_download, identifier)

    async def resume_download(self, identifier: str) -> Download:
        return await self._ask(api.resume_download, identifier)

    async def search(self, text: str, *, use: Use | None = None) -> SearchAnswer:
        """Models to fetch; without a text those of the shipped list, for which nobody is asked."""
        return await self._ask(
            lambda client: api.search(
                client, text=text, use=use, format_="gguf", limit=_LIST, is_offline=not text
            )
        )

    async def fit(self, model_id: str) -> FitAnswer:
        return await self._ask(memory.fit, model_id)

    async def options(self, model_id: str) -> OptionList:
        """How it is loaded the next time."""
        return await self._ask(tuning.options, model_id)

    async def pin(self, model_id: str, *, is_pinned: bool) -> ModelItem:
        return await self._ask(memory.pin, model_id, is_pinned=is_pinned)

    async def aliases(self) -> tuple[Alias, ...]:
        return await self._ask(api.aliases)

    async def set_alias(self, name: str, model_id: str) -> Alias:
        return await self._ask(api.set_alias, name, model_id)

    async def remove_model(self, model_id: str) -> RemovedModel:
        return await self._ask(api.remove_model, model_id)

    async def request_page(
        self, *, limit: int, after: str | None = None, **filters: str | None
    ) -> RequestList:
        return await self._ask(
            lambda client: api.request_page(client, limit=limit, after=after, **filters)
        )

    async def request(self, request_id: str) -> RequestRow:
        return await self._ask(api.request, request_id)

    async def export(self, *, as_json: bool, **filters: str | None) -> bytes:
        """All requests that match, as CSV or as one JSON document."""
        return await self._ask(lambda client: _exported(client, filters, as_json=as_json))

    async def log_lines(self, n_lines: int, model_id: str | None) -> LogLines:
        return await self._ask(api.log_lines, n_lines=n_lines, model_id=model_id)

    async def conversations(self, text: str) -> tuple[Summary, ...]:
        """Those that hold `text`, the one last changed first."""
        return (await self._ask(lambda client: conversations.page(client, text=text))).items

    async def conversation(self, identifier: str) -> Conversation:
        found = await self._ask(conversations.get, identifier)
        self.keeping.know(found)
        return found

    async def change_conversation(
        self, identifier: str, change: ConversationChange
    ) -> Conversation:
        return await self._ask(conversations.change, identifier, change)

    async def delete_conversation(self, identifier: str) -> int:
        """How many that were."""
        n_deleted = await self._ask(conversations.delete, identifier)
        self.keeping.forget(identifier)
        return n_deleted

    async def configuration(self) -> ConfigList:
        return await self._ask(api.configuration)

    @property
    def can_configure(self) -> bool:
        """Whether the daemon's configuration file is on this machine."""
        return self._door.is_own

    async def configure(self, file: Path, key: str, text: str) -> bool:
        """Set `key` in the file to what `text` stands for; "null" takes it out. Returns True.

        Raises:
            ConfigError: if the value is not valid or the file cannot be changed.
        """
        await on_thread(lambda: edit.set_value(file, key, text))
        return True

    async def keys(self) -> tuple[ApiKey, ...]:
        """The API keys of this machine's daemon.

        Raises:
            ConfigError: if they cannot be read.
        """
        return await on_thread(lambda: secrets.load_keys(self._key_file()).keys)

    async def create_key(self, name: str) -> str:
        """The new key's secret, which is kept nowhere.

        Raises:
            ConfigError: if there is one of that name, or it cannot be kept.
        """
        now_s = int(self._clock.wall_s())
        return await on_thread(lambda: _created(self._key_file(), name, now_s))

    async def revoke_key(self, name: str) -> ApiKey:
        """What was kept of it.

        Raises:
            ConfigError: if there is none of that name.
        """
        return await on_thread(lambda: secrets.revoke_key(self._key_file(), name))

    def _key_file(self) -> Path:
        loaded = load(environ=self._door.environ)
        named = loaded.settings.server.api_key_file
        return loaded.paths.api_keys_file if named is None else Path(named)

    def answer(self, request: ChatRequest) -> Answering:
        """Ask for an answer, which then comes on its own."""
        return Answering(self._client(), request)

    def measure(self, plan: Plan) -> Measuring:
        """Begin a run, which then goes on by itself and is kept on this machine."""
        return Measuring(plan.arguments(), self._door.environ)

    async def kept_runs(self, limit: int) -> tuple[KeptRun, ...]:
        """The runs that are kept on this machine, newest first."""
        command = ("lens", "list", f"--limit={limit}")
        return (await on_thread(lambda: programs.told(command, self._door.environ, KeptRuns))).runs

    async def compared(self, before: str, after: str) -> Comparison:
        """Two kept runs, figure by figure."""
        command = ("lens", "compare", before, after)
        answer = await on_thread(
            lambda: programs.told(command, self._door.environ, ComparisonDocument)
        )
        return answer.comparison

    async def forget_run(self, run_id: str) -> None:
        command = ("lens", "delete", run_id)
        await on_thread(
            lambda: programs.said(command, self._door.environ, within_s=programs.TIMEOUT_S)
        )

    async def _ask(
        self, question: Callable[Concatenate[HttpClient, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        client = self._client()
        return await on_thread(lambda: question(client, *args, **kwargs))

    def _client(self) -> HttpClient:
        client = self._watch.client
        if client is None:
            raise Unreachable(self._door.where, "the daemon does not run")
        return client


def _exported(client: HttpClient, filters: Mapping[str, str | None], *, as_json: bool) -> bytes:
    rows = api.requests(client, limit=None, **filters)
    if as_json:
        document = {"schema": "velocity-local/history/1", "requests": list(rows)}
        return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    return "".join(f"{line}\n" for line in csv_lines(rows)).encode()


def _created(file: Path, name: str, now_s: int) -> str:
    paths.private_dir(file.parent)
    return secrets.create_key(file, name, created_s=now_s)
