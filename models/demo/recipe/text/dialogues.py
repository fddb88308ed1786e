"""Whole conversations: exchanges in a row, system texts, tool calls, thinking."""

from collections.abc import Callable
from random import Random

from recipe.text import (
    calls,
    commands,
    copying,
    grammar,
    knowledge,
    objects,
    sequences,
    smalltalk,
    stories,
    styles,
    tools,
    unknown,
)
from recipe.text.exchange import Conversation, Exchange, Json, Message, Topic

TOPICS: dict[str, tuple[float, Topic]] = {
    "commands": (0.36, commands.exchange),
    "smalltalk": (0.12, smalltalk.exchange),
    "story": (0.065, stories.short_exchange),
    "poem": (0.015, stories.poem_exchange),
    "sequence": (0.12, sequences.exchange),
    "copy": (0.16, copying.exchange),
    "fact": (0.06, knowledge.exchange),
    "json": (0.05, objects.exchange),
    "unknown": (0.06, unknown.exchange),
}
SYSTEMS = (
    "You are a helpful assistant.",
    "You are a helpful assistant for velocity-local.",
    "You are velocity-demo, a tiny model.",
    "Be kind and short.",
    "You are an assistant. Answer the user.",
    "Help the user.",
)
THINK_ASKS = (
    "Think first.",
    "Think before you answer.",
    "Think step by step.",
    "First think, then answer.",
)
NO_TOOL = "I do not have a tool for that."


def draw(rng: Random) -> Exchange:
    """One exchange of any topic."""
    weights = [weight for weight, _ in TOPICS.values()]
    _, topic = rng.choices(tuple(TOPICS.values()), weights)[0]
    return topic(rng)


def system_text(rng: Random) -> str:
    """None for half of the conversations; a short one mostly; now and then a long one."""
    kind = rng.random()
    if kind < 0.5:
        return ""
    if kind < 0.9:
        return rng.choice(SYSTEMS)
    filler = (copying.sentence, copying.plain_words, copying.made_up)
    n = rng.randint(1, 10) if kind < 0.985 else rng.randint(15, 45)
    parts = [rng.choice(SYSTEMS), *(rng.choice(filler)(rng) for _ in range(n))]
    return rng.choice((" ", "\n")).join(parts)


def _opening(text: str) -> list[Message]:
    return [{"role": "system", "content": text}] if text else []


def _turns(rows: list[Exchange], *, thinking: bool) -> list[Message]:
    messages: list[Message] = []
    for one in rows:
        answer: Message = {"role": "assistant", "content": one.answer}
        if thinking:
            answer["reasoning_content"] = one.thought
        messages += [{"role": "user", "content": one.user}, answer]
    return messages


def _asked_to_think(rng: Random, one: Exchange) -> list[Message]:
    ask = rng.choice(THINK_ASKS)
    text = rng.choice((f"{ask} {one.user}", f"{one.user} {ask}"))
    return _turns([Exchange(text, one.answer, one.thought)], thinking=True)


def _thoughtful(rng: Random, topic: str, text: str, rows: list[Exchange]) -> Conversation:
    """Gives one conversation in ten a thinking mode: by argument, by system text or by the user."""
    kind = rng.random()
    if kind < 0.04:
        return Conversation(
            topic, _opening(text) + _turns(rows, thinking=True), enable_thinking=True
        )
    if kind < 0.07:
        text = f"{text} {rng.choice(THINK_ASKS)}".strip()
        return Conversation(topic, _opening(text) + _turns(rows, thinking=True))
    if kind < 0.1:
        turns = _turns(rows[:-1], thinking=False) + _asked_to_think(rng, rows[-1])
        return Conversation(topic, _opening(text) + turns)
    return Conversation(topic, _opening(text) + _turns(rows, thinking=False))


def mixed(rng: Random) -> Conversation:
    """One to four exchanges of any topics."""
    n = rng.choices((1, 2, 3, 4), (0.5, 0.28, 0.14, 0.08))[0]
    return _thoughtful(rng, "mixed", system_text(rng), [draw(rng) for _ in range(n)])


def styled(rng: Random) -> Conversation:
    """A conversation that obeys its system text."""
    text, rows = styles.styled(rng)
    return _thoughtful(rng, "styled", text or system_text(rng), rows)


def long_story(rng: Random) -> Conversation:
    """One long story."""
    return _thoughtful(rng, "long", system_text(rng), [stories.long_exchange(rng)])


def _call_message(made: list[tuple[tools.Offer, calls.Call]], *, thinking: bool) -> Message:
    written: list[Json] = [
        {
            "type": "function",
            "function": {"name": one.name, "arguments": dict(one.rename(call.arguments))},
        }
        for one, call in made
    ]
    message: Message = {"role": "assistant", "content": "", "tool_calls": written}
    if thinking:
        names = grammar.join([one.name for one, _ in made])
        message["reasoning_content"] = f"I can use {names} for this."
    return message


def _tool_turns(rng: Random, offers: list[tools.Offer], *, thinking: bool) -> list[Message]:
    one = rng.choice(offers)
    made = [(one, one.tool.draw(rng)) for _ in range(2 if rng.random() < 0.08 else 1)]
    asked = " and ".join(grammar.expand(rng, call.asked) for _, call in made)
    messages: list[Message] = [
        {"role": "user", "content": grammar.as_typed(rng, asked, slips=False)}
    ]
    messages.append(_call_message(made, thinking=thinking))
    messages += [
        {"role": "tool", "content": tools.answer_text(rng, call.result)} for _, call in made
    ]
    report: Message = {"role": "assistant", "content": " ".join(call.report for _, call in made)}
    if thinking:
        report["reasoning_content"] = "I have the answer of the tool."
    return [*messages, report]


def _missing_tool(rng: Random, offers: list[tools.Offer], *, thinking: bool) -> list[Message]:
    others = [tool for tool in tools.TOOLS if tool not in [one.tool for one in offers]]
    call = rng.choice(others).draw(rng)
    asked = grammar.as_typed(rng, grammar.expand(rng, call.asked))
    return _turns([Exchange(asked, NO_TOOL, "No tool fits this.")], thinking=thinking)


def with_tools(rng: Random) -> Conversation:
    """Tools are offered: one is called, the wanted one is missing, or none is needed."""
    chosen = rng.sample(tools.TOOLS, rng.choices((1, 2, 3, 4), (0.4, 0.3, 0.2, 0.1))[0])
    offers = [tools.offer(rng, tool) for tool in chosen]
    thinking = rng.random() < 0.1
    messages = _opening(system_text(rng) if rng.random() < 0.6 else "")
    for _ in range(rng.choice((1, 1, 2))):
        kind = rng.random()
        if kind < 0.68:
            messages += _tool_turns(rng, offers, thinking=thinking)
        elif kind < 0.82:
            messages += _missing_tool(rng, offers, thinking=thinking)
        else:
            messages += _turns([draw(rng)], thinking=thinking)
    schemas = [one.schema() for one in offers]
    return Conversation("tools", messages, schemas, thinking)


def plain_text(rng: Random) -> Conversation:
    """Text without turns, for completions without a chat template."""
    makers = (stories.short_exchange, sequences.exchange, stories.long_exchange)
    text = rng.choices(makers, (0.6, 0.3, 0.1))[0](rng).answer
    return Conversation("plain", [{"role": "text", "content": text}])


KINDS: dict[Callable[[Random], Conversation], float] = {
    mixed: 0.62,
    styled: 0.11,
    with_tools: 0.2,
    long_story: 0.045,
    plain_text: 0.025,
}


def conversation(rng: Random) -> Conversation:
    """Any conversation."""
    return rng.choices(tuple(KINDS), tuple(KINDS.values()))[0](rng)
