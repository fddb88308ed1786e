"""A conversation and what it is asked with, as values. Knows nothing of screens."""

from dataclasses import asdict, dataclass, replace

import msgspec

from velocity_local.client.chat import ChatRequest, Turn


@dataclass(frozen=True, slots=True)
class Parameters:
    """None leaves a choice to the daemon's settings."""

    system: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None

    def told(self) -> str:
        """Those that were chosen, on one line; empty if none was."""
        chosen = {name: value for name, value in asdict(self).items() if value is not None}
        return " · ".join(
            name if name == "system" else f"{name} {value}" for name, value in chosen.items()
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said; `note` tells tokens and times, or why it broke off."""

    text: str
    reasoning: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question, and its answer once there is one."""

    question: str
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    exchanges: tuple[Exchange, ...] = ()

    def asked(self, question: str) -> "Conversation":
        return Conversation((*self.exchanges, Exchange(question)))

    def answered(self, answer: Answer) -> "Conversation":
        """The last question has this answer."""
        last = replace(self.exchanges[-1], answer=answer)
        return Conversation((*self.exchanges[:-1], last))

    def until(self, index: int) -> "Conversation":
        """What was before exchange `index`."""
        return Conversation(self.exchanges[:index])

    def request(self, model: str, parameters: Parameters) -> ChatRequest:
        """Asks for the last exchange's answer. Questions that never got one are left out, since
        templates want the roles in turns.
        """
        options = asdict(parameters)
        system = options.pop("system")
        turns = [Turn("system", system)] if system else []
        for exchange in self.exchanges[:-1]:
            if exchange.answer is not None and exchange.answer.text:
                turns.append(Turn("user", exchange.question))
                turns.append(Turn("assistant", exchange.answer.text))
        turns.append(Turn("user", self.exchanges[-1].question))
        return ChatRequest(model, tuple(turns), **options)

    def markdown(self, model: str, parameters: Parameters) -> str:
        """As a page to read."""
        parts = [f"# Conversation with {model}\n"]
        if parameters.system:
            parts.append(f"**System**\n\n{parameters.system}\n")
        for exchange in self.exchanges:
            parts.append(f"**You**\n\n{exchange.question}\n")
            if exchange.answer is not None:
                note = f"\n*{exchange.answer.note}*\n" if exchange.answer.note else ""
                parts.append(f"**{model}**\n\n{exchange.answer.text}\n{note}")
        return "\n".join(parts)

    def json(self, model: str, parameters: Parameters) -> bytes:
        """For programs, with a shape that has a version."""
        document = {
            "schema": "velocity-local/conversation/1",
            "model": model,
            "parameters": parameters,
            "exchanges": self.exchanges,
        }
        return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
