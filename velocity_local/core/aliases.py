"""Names of one's own for models, with ways to load and to sample, and what each was before."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from velocity_local.core.sampling import SamplingParams, check

Count = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class _Given(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    def given(self) -> dict[str, Any]:
        """The fields that somebody set."""
        fields = msgspec.structs.asdict(self)
        return {key: value for key, value in fields.items() if value is not None}


class SamplingDefaults(_Given, frozen=True):
    """What a request gets where it says nothing itself; fields as in `SamplingParams`."""

    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    min_p: float | None = None
    repeat_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None

    def over(self, defaults: SamplingParams) -> SamplingParams:
        """Raises InvalidRequest naming a value that is out of range."""
        given = self.given()
        return check(msgspec.structs.replace(defaults, **given)) if given else defaults


class LoadConfig(_Given, frozen=True):
    """How the model is loaded under this name; fields as in `LoadOptions`, None as for any model.

    `draft` is a model that guesses for it.
    """

    n_ctx: Count | None = None
    n_seq_max: Annotated[int, Meta(ge=1, le=256)] | None = None
    kv_type: Literal["f16", "q8_0", "f32"] | None = None
    n_gpu_layers: Annotated[int, Meta(ge=-1, le=10_000)] | None = None
    flash_attention: bool | None = None
    draft: str | None = None

    def options(self) -> dict[str, Any]:
        """What is given of `LoadOptions`."""
        return {key: value for key, value in self.given().items() if key != "draft"}


class AliasConfig(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What an alias is beside its model. With a `load` of its own it is loaded for itself, in a
    process of its own; without, it shares its model's.
    """

    load: LoadConfig = LoadConfig()
    sampling: SamplingDefaults = SamplingDefaults()
    adapter: str | None = None

    @property
    def has_own_load(self) -> bool:
        return self.load != LoadConfig()


class AliasVersion(msgspec.Struct, frozen=True):
    """A model, and how it is used, that the alias stood for since `set_s`, seconds since 1970."""

    number: int
    model: str
    set_s: float
    config: AliasConfig = AliasConfig()


class Alias(msgspec.Struct, frozen=True):
    """`active` is the number of the version in force, `standby` of the one to go back to.

    Versions are kept in the order in which they were made, and never changed.
    """

    name: str
    active: int
    standby: int | None
    versions: tuple[AliasVersion, ...]

    @property
    def model(self) -> str:
        return self.now.model

    @property
    def now(self) -> AliasVersion:
        """The version in force."""
        return self.version(self.active)

    def version(self, number: int) -> AliasVersion:
        return next(version for version in self.versions if version.number == number)
