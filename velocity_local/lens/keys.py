"""Finds a provider's API key. A key is never written anywhere: not to results, logs or reprs."""

import importlib
from collections.abc import Callable, Mapping

from velocity_local.lens.errors import BadScenario, NoKey
from velocity_local.lens.providers.port import Provider
from velocity_local.lens.scenarios import Target

ReadKeyring = Callable[[str, str], str | None]


def find_key(
    target: Target,
    provider: Provider,
    environ: Mapping[str, str],
    *,
    read_keyring: ReadKeyring | None = None,
) -> str | None:
    """The key for the target; None if none is wanted: a server of one's own needs none.

    Raises:
        NoKey: if the place that the target names holds none that could be sent, or the provider's
            own API wants one.
    """
    key = _found(target, provider, environ, read_keyring)
    if key is not None and not (key.isascii() and key.isprintable()):
        raise NoKey(f"the key for {provider.name} has characters that no header may have")
    return key


def _found(
    target: Target,
    provider: Provider,
    environ: Mapping[str, str],
    read_keyring: ReadKeyring | None,
) -> str | None:
    if target.keyring is not None:
        return _from_keyring(target.keyring, read_keyring or _system_keyring())
    if target.key_env is not None:
        key = environ.get(target.key_env)
        if not key:
            raise NoKey(f"the environment variable {target.key_env} is not set")
        return key
    for name in provider.key_variables:
        if environ.get(name):
            return environ[name]
    if target.url is None and (provider.default_url or "").startswith("https:"):
        names = " or ".join(provider.key_variables)
        raise NoKey(f"{provider.name} wants an API key; set {names}")
    return None


def _from_keyring(entry: str, read: ReadKeyring) -> str:
    service, slash, user = entry.partition("/")
    if not slash or not service or not user:
        raise BadScenario(f'target.keyring is {entry!r}; write it as "service/user"')
    key = read(service, user)
    if not key:
        raise NoKey(
            f"the keyring has no entry {entry!r}; make one with: keyring set {service} {user}"
        )
    return key


def _system_keyring() -> ReadKeyring:
    try:
        module = importlib.import_module("keyring")
    except ImportError as error:
        raise NoKey(
            "reading the system's keyring needs the package keyring; install it"
            " (velocity-local[keyring]), or use key_env"
        ) from error

    def read(service: str, user: str) -> str | None:
        try:
            found: str | None = module.get_password(service, user)
        except module.errors.KeyringError as error:
            raise NoKey(f"the system's keyring cannot be read: {error}") from error
        return found

    return read
