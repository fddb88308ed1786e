"""Everything that happens to a request before the engine sees it. Runs on the lanes' threads."""

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from velocity_local.core.adapters import Adapter
from velocity_local.core.errors import InvalidRequest, UnsupportedField
from velocity_local.core.requests import ChatPrompt, GenerationRequest
from velocity_local.core.sampling import MAX_SEED, SamplingParams
from velocity_local.wire.ipc.messages import (
    Detokenize,
    Detokenized,
    Embed,
    Generate,
    KvAsk,
    Render,
    Rendered,
    Resumed,
    Tokenize,
    Tokenized,
)
from velocity_local.worker.budgets import Budgets
from velocity_local.worker.chat.channels import ChannelForm
from velocity_local.worker.chat.pieces import PieceTable
from velocity_local.worker.chat.pipeline import ChoicePipeline, Delivered, OutputPlan
from velocity_local.worker.chat.tools.parser import Offer
from velocity_local.worker.constraining import Constraining, Situation, is_needed
from velocity_local.worker.embeddings import EmbeddingJob
from velocity_local.worker.engine.backend import Capabilities, Tokenizer
from velocity_local.worker.engine.checks import check
from velocity_local.worker.engine.sequence import SequenceKey, SequenceSpec
from velocity_local.worker.engine.statecache import Kept
from velocity_local.worker.kv_answers import KvQuestion
from velocity_local.worker.prompts import Prompts, ReadyPrompt
from velocity_local.worker.states.tiers import StateTiers
from velocity_local.worker.streams import Choice


class Budget(NamedTuple):
    """What a reasoning may have, and whether the prompt begins it."""

    tokens: int
    is_open: bool


class Prepared(NamedTuple):
    """A request ready for the engine: one spec and one choice for each answer to be written.

    With a `situation`, it is ready once `Preparation.constrain` has seen it as well; the `budget`
    is part of the specs then. The `adapter` is to be loaded first, and the `states` taken in.
    """

    handle: int
    specs: tuple[SequenceSpec, ...]
    choices: tuple[Choice, ...]
    situation: Situation | None = None
    budget: Budget | None = None
    adapter: Adapter | None = None
    states: tuple[Kept, ...] = ()

    def since(self, arrived_s: float) -> "Prepared":
        """The same, with its time counted from then on."""
        specs = tuple(spec._replace(arrived_s=arrived_s) for spec in self.specs)
        return self._replace(specs=specs)


class Preparation:
    """Turns commands into work for the engine, or into their answers. Raises `RequestError`."""

    def __init__(
        self,
        prompts: Prompts,
        tokenizer: Tokenizer,
        capabilities: Capabilities,
        pieces: PieceTable,
        marked_pieces: PieceTable,
        *,
        n_embd: int,
        constraining: Constraining,
        tiers: StateTiers,
    ) -> None:
        self._prompts = prompts
        self._tokenizer = tokenizer
        self._capabilities = capabilities
        self._pieces = pieces
        self._marked_pieces = marked_pieces
        self._n_embd = n_embd
        self._constraining = constraining
        self._tiers = tiers
        self._budgets = Budgets(tokenizer, prompts.family.thinking)

    def generate(self, command: Generate) -> Prepared:
        request = command.request
        if not self._capabilities.can_generate:
            raise InvalidRequest(
                f"{request.model} is an embedding model; ask it for embeddings", param="model"
            )
        self._check_sampling(request)
        prompt = self._prompts.ready(request.prompt)
        resumed = {choice.index: choice for choice in command.resumed}
        indices = [
            index for index in range(request.n) if not (index in resumed and resumed[index].done)
        ]
        specs = tuple(self._spec(command, prompt, index, resumed.get(index)) for index in indices)
        for spec in specs:
            check(spec, self._capabilities)
        choices = tuple(
            self._choice(request, prompt, spec.key, resumed.get(spec.key.choice)) for spec in specs
        )
        budget = _budget(request, prompt)
        states = self._tiers.fetch(specs[0]) if specs else ()
        prepared = Prepared(command.handle, specs, choices, None, budget, request.adapter, states)
        if is_needed(request):
            return prepared._replace(situation=self._situation(request, prompt))
        return self._bounded(prepared)

    def constrain(self, command: Generate, prepared: Prepared) -> Prepared:
        """The same with each choice held to what the request asks; takes its time."""
        assert prepared.situation is not None
        specs = self._constraining.apply(command.request, prepared.specs, prepared.situation)
        return self._bounded(prepared._replace(specs=specs, situation=None))

    def _bounded(self, prepared: Prepared) -> Prepared:
        """The same with each reasoning held to its budget."""
        if prepared.budget is None:
            return prepared
        budget_tokens, is_open = prepared.budget
        specs = (
            self._budgets.bounded(spec, budget_tokens, starts_inside=is_open)
            for spec in prepared.specs
        )
        return prepared._replace(specs=tuple(specs), budget=None)

    def embed(self, command: Embed) -> EmbeddingJob:
        request = command.request
        if not self._capabilities.can_embed:
            raise InvalidRequest(
                f"{request.model} has no embeddings; use an embedding model", param="model"
            )
        _check_dimensions(request.dimensions, self._n_embd)
        inputs = [self._prompts.ready(item).tokens for item in request.inputs]
        for index, tokens in enumerate(inputs):
            key = SequenceKey(command.handle, index)
            check(SequenceSpec(key, tokens, SamplingParams(), 0), self._capabilities)
        return EmbeddingJob(command.handle, inputs, request.dimensions, terms=request.queue)

    def tokenize(self, command: Tokenize) -> Tokenized:
        request = command.request
        tokens = self._tokenizer.encode(
            request.text, add_special=request.add_special, parse_special=request.parse_special
        )
        pieces = tuple(self._tokenizer.piece_special(token) for token in tokens)
        return Tokenized(command.handle, tuple(tokens), pieces)

    def detokenize(self, command: Detokenize) -> Detokenized:
        tokens = command.request.tokens
        if tokens and not 0 <= min(tokens) <= max(tokens) < self._capabilities.n_vocab:
            last = self._capabilities.n_vocab - 1
            raise InvalidRequest(f"token ids are from 0 to {last}", param="tokens")
        return Detokenized(command.handle, self._prompts.text_of(tokens))

    def render(self, command: Render) -> Rendered:
        return Rendered(command.handle, self._prompts.render(command.request.prompt))

    def kv_question(self, command: KvAsk) -> KvQuestion:
        request = command.request
        prompt, other = (
            None if asked is None else list(self._prompts.ready(asked).tokens)
            for asked in (request.prompt, request.other)
        )
        space = "" if request.adapter is None else request.adapter.key
        return KvQuestion(command.handle, prompt, other, space, request.forget)

    def _check_sampling(self, request: GenerationRequest) -> None:
        n_vocab = self._capabilities.n_vocab
        for token, _ in request.sampling.logit_bias:
            if token >= n_vocab:
                raise InvalidRequest(
                    f"logit_bias names token {token}; ids are from 0 to {n_vocab - 1}",
                    param="logit_bias",
                )
        if request.echo and request.top_logprobs is not None:
            raise UnsupportedField(
                "echo with logprobs needs log-probabilities of the prompt, which are not "
                "computed; ask for one of them",
                param="echo",
            )

    def _spec(
        self, command: Generate, prompt: ReadyPrompt, index: int, resumed: Resumed | None
    ) -> SequenceSpec:
        request = command.request
        room = max(1, self._capabilities.n_ctx - len(prompt.tokens))
        return SequenceSpec(
            SequenceKey(command.handle, index),
            prompt.tokens,
            _seeded(request.sampling, index),
            room if request.max_tokens is None else min(request.max_tokens, room),
            request.top_logprobs,
            resumed.tokens if resumed else (),
            request.deadline_s,
            queue=request.queue,
            adapter="" if request.adapter is None else request.adapter.key,
        )

    def _choice(
        self,
        request: GenerationRequest,
        prompt: ReadyPrompt,
        key: SequenceKey,
        resumed: Resumed | None,
    ) -> Choice:
        pieces = self._marked_pieces if request.parse_output else self._pieces
        pipeline = ChoicePipeline(key.choice, pieces, self._plan(request, prompt, key.choice))
        if resumed is None:
            return Choice(pipeline, pipeline.begin())
        delivered = Delivered(resumed.text_chars, resumed.reasoning_chars, resumed.tool_chars)
        return Choice(pipeline, pipeline.replay(resumed.tokens, delivered))

    def _situation(self, request: GenerationRequest, prompt: ReadyPrompt) -> Situation:
        form = self._prompts.reasoning if request.parse_output else None
        opening, closing = (form.open, form.close) if form else ((), ())
        situation = Situation(opening, closing, prompt.opens_reasoning, self._prompts.dialect)
        if not isinstance(form, ChannelForm):
            return situation
        return situation._replace(answer=form.answer, breaks=form.breaks)

    def _plan(self, request: GenerationRequest, prompt: ReadyPrompt, index: int) -> OutputPlan:
        offers = _offers(request)
        return OutputPlan(
            _call_ids(request.id, index),
            request.stop,
            request.parse_output,
            prompt.opens_reasoning,
            self._prompts.dialect if request.parse_output and offers else None,
            request.top_logprobs is not None,
            self._echo(prompt) if request.echo else "",
            self._prompts.family.thinking,
            offers,
        )

    def _echo(self, prompt: ReadyPrompt) -> str:
        return self._prompts.text_of(prompt.tokens) if prompt.text is None else prompt.text


def _budget(request: GenerationRequest, prompt: ReadyPrompt) -> Budget | None:
    if prompt.budget_tokens is None or not request.parse_output:
        return None
    return Budget(prompt.budget_tokens, prompt.opens_reasoning)


def _offers(request: GenerationRequest) -> tuple[Offer, ...]:
    if not isinstance(request.prompt, ChatPrompt):
        return ()
    tools = request.prompt.tools
    return tuple(Offer(tool.name, tool.description, tool.parameters or {}) for tool in tools)


def _check_dimensions(dimensions: int | None, n_embd: int) -> None:
    if dimensions is not None and not 1 <= dimensions <= n_embd:
        raise InvalidRequest(
            f"dimensions is {dimensions}; this model has from 1 to {n_embd}", param="dimensions"
        )


def _seeded(sampling: SamplingParams, index: int) -> SamplingParams:
    """Each choice has a seed of its own, the same one wherever it runs."""
    if sampling.seed is None or index == 0:
        return sampling
    return msgspec.structs.replace(sampling, seed=(sampling.seed + index) % (MAX_SEED + 1))


def _call_ids(request_id: str, choice: int) -> Callable[[int], str]:
    """Names for tool calls that another worker would choose as well."""

    def call_id(index: int) -> str:
        name = f"{request_id}/{choice}/{index}".encode()
        return "call_" + hashlib.blake2b(name, digest_size=12).hexdigest()

    return call_id
