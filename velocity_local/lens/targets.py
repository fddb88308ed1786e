"""Finds the server that a scenario names: its address, its model, its tokenizer, its facts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

import msgspec

from velocity_local.client import api
from velocity_local.client.daemon import LocalDaemon, parse_address
from velocity_local.client.errors import ClientError
from velocity_local.client.http import HttpClient
from velocity_local.config.paths import data_root, locate
from velocity_local.config.secrets import read_token
from velocity_local.lens.cost import FILE_NAME, Tables, read_tables
from velocity_local.lens.errors import BadScenario, LensError
from velocity_local.lens.keys import find_key
from velocity_local.lens.providers.port import Provider
from velocity_local.lens.providers.registry import UnknownProvider, provider_named
from velocity_local.lens.results import Fact
from velocity_local.lens.scenarios import Scenario, Target
from velocity_local.lens.words import CountTokens, WordTexts, word_texts
from velocity_local.wire.http.openai_answers import Tokens

VELOCITY_LOCAL = "velocity_local"
HOST_VARIABLE = "VELOCITY_HOST"
_PROBE = "time year people way"


@dataclass(frozen=True, slots=True)
class Found:
    """A target that can be asked. `admin` reaches a velocity-local daemon's management API."""

    provider: Provider
    base_url: str
    model: str
    key: str | None = field(repr=False)
    admin: HttpClient | None = field(default=None, repr=False)

    @property
    def root_url(self) -> str:
        """The base URL without the API's version."""
        return self.base_url.removesuffix("/v1")

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).hostname or ""


def find(target: Target, environ: Mapping[str, str]) -> Found:
    """The target, looked for where it says; for a velocity-local daemon also its model.

    Raises:
        LensError: if something is missing, or no daemon runs.
    """
    try:
        provider = provider_named(target.provider)
    except UnknownProvider as error:
        raise BadScenario(f"target.provider: {error}") from error
    if provider.name == VELOCITY_LOCAL:
        return _velocity_local(target, provider, environ)
    url = target.url or provider.default_url
    if url is None:
        raise BadScenario(f"target.url is missing: the provider {provider.name} may be anywhere")
    if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).hostname:
        raise BadScenario(f"target.url is {url!r}; write http://HOST:PORT/v1 or https://...")
    if not target.model:
        raise BadScenario("target.model is missing: which model is to answer?")
    key = find_key(target, provider, environ)
    return Found(provider, _without_end(url), target.model, key)


def on_host(scenario: Scenario, environ: Mapping[str, str]) -> Scenario:
    """The scenario with the daemon's address in it if the environment gives one, for clients that
    have another environment.
    """
    target, host = scenario.target, environ.get(HOST_VARIABLE)
    if target.provider != VELOCITY_LOCAL or target.url is not None or host is None:
        return scenario
    return msgspec.structs.replace(scenario, target=msgspec.structs.replace(target, url=host))


def counter(found: Found) -> CountTokens | None:
    """Counts tokens as the server does, if it can be asked (as llama.cpp's server can)."""
    if found.provider.name not in {VELOCITY_LOCAL, "llama_cpp", "openai_compatible"}:
        return None
    client = HttpClient(found.root_url, secret=found.key)

    def count_tokens(text: str) -> int:
        body: dict[str, str] = {"content": text}
        if found.provider.name == VELOCITY_LOCAL:
            body["model"] = found.model
        return len(client.call("POST", "/tokenize", Tokens, body=body).tokens)

    try:
        return count_tokens if count_tokens(_PROBE) > 0 else None
    except ClientError:
        return None


def texts_for(found: Found) -> WordTexts:
    """Texts of exact length where the server has a tokenizer, else of about that length."""
    count_tokens = counter(found)
    if count_tokens is None:
        return WordTexts()
    try:
        return word_texts(count_tokens)
    except ClientError:
        return WordTexts()


def price_tables(environ: Mapping[str, str]) -> Tables:
    """The user's own prices, then those that ship.

    Raises:
        BadScenario: if a table is broken.
    """
    own = locate(environ).config_file.parent / FILE_NAME
    return read_tables([own, data_root() / FILE_NAME])


def server_facts(found: Found) -> dict[str, Fact]:
    """What a velocity-local daemon tells of itself and of the model; empty elsewhere."""
    if found.admin is None:
        return {}
    try:
        status = api.status(found.admin)
        model = api.model(found.admin, found.model)
    except ClientError:
        return {}
    facts: dict[str, Fact] = {
        "release": status.release,
        "model.fingerprint": model.fingerprint,
        "model.quantization": model.quantization,
        "model.parameters": model.parameters,
    }
    if model.loaded is not None:
        facts |= {
            f"engine.{name}": value
            for name, value in msgspec.structs.asdict(model.loaded).items()
            if isinstance(value, str | int | float | bool)
        }
    return facts


def _velocity_local(target: Target, provider: Provider, environ: Mapping[str, str]) -> Found:
    url, token = _daemon(target, environ)
    named = target.keyring is not None or target.key_env is not None
    key = find_key(target, provider, environ) if named else token
    admin = HttpClient(url, secret=key)
    return Found(provider, f"{url}/v1", target.model or _first_model(admin), key, admin)


def _daemon(target: Target, environ: Mapping[str, str]) -> tuple[str, str | None]:
    """Address and secret: this user's daemon has a token, another one wants a key."""
    given = target.url or environ.get(HOST_VARIABLE)
    local = LocalDaemon(locate(environ))
    record = local.record()
    if given is None:
        if record is None:
            raise LensError("the daemon does not run; start it with: velocity-local start")
        return record.base_url, read_token(local.paths.token_file)
    try:
        url = parse_address(given)
    except ValueError as error:
        raise BadScenario(f"target.url: {error}") from error
    if record is not None and url == record.base_url:
        return url, read_token(local.paths.token_file)
    return url, environ.get("VELOCITY_API_KEY")


def _first_model(admin: HttpClient) -> str:
    models = [model for model in api.models(admin) if not model.is_embedding]
    models.sort(key=lambda model: model.state != "ready")
    if not models:
        raise LensError("the daemon has no model; fetch one with: velocity-local pull MODEL")
    return models[0].id


def _without_end(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/"), "", ""))
