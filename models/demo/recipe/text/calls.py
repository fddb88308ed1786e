"""Wishes that need a tool: in words, as arguments, with the tool's answer and its report."""

from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from recipe.text import commands, copying, grammar, words
from recipe.text.exchange import Json

Arguments: TypeAlias = dict[str, Json]
WEATHER = ("sunny", "cloudy", "rainy", "windy", "foggy", "snowy", "clear", "stormy")
ZONES = ("UTC", "CET", "EST", "PST", "JST")
LANGUAGES = ("French", "German", "Spanish", "Italian", "Japanese", "Polish")
ROOMS = ("kitchen", "bedroom", "hall", "garage", "garden", "office", "bathroom", "cellar")
UNITS = ("km", "miles", "kg", "pounds", "meters", "feet", "euros", "dollars")


@dataclass(frozen=True, slots=True)
class Call:
    """One wish in words, the arguments it means, the tool's answer and the final sentence."""

    asked: str
    arguments: Arguments
    result: Json
    report: str


def _text(rng: Random) -> str:
    return (
        copying.made_up(rng)
        if rng.random() < 0.3
        else " ".join(rng.sample(words.PLAIN, rng.randint(1, 4)))
    )


def _city(rng: Random) -> str:
    made_up = rng.random() < 0.25
    return grammar.capitalize(copying.invented(rng)) if made_up else rng.choice(words.CITIES)


def _number(rng: Random) -> int:
    return rng.randint(0, rng.choice((9, 99, 999, 9999)))


def weather(rng: Random) -> Call:
    """The weather in a city."""
    city, degrees, sky = _city(rng), rng.randint(-15, 38), rng.choice(WEATHER)
    asked = rng.choice(
        (
            "{what is|how is} the weather {in|like in} <c>{| today| now}",
            "{tell me|get|check} the weather {in|for} <c>",
            "{is it|will it be} {cold|warm|sunny} in <c>{| today}",
            "weather in <c>",
            "how {warm|cold} is it in <c>",
        )
    )
    result: Json = {"temperature": degrees, "condition": sky}
    report = f"It is {degrees} degrees and {sky} in {city}."
    return Call(asked.replace("<c>", city), {"city": city}, result, report)


def time(rng: Random) -> Call:
    """The time in a city."""
    city, clock = _city(rng), f"{rng.randint(0, 23):02}:{rng.randint(0, 59):02}"
    asked = rng.choice(
        ("what time is it in <c>{| now}", "{tell me|get} the time in <c>", "time in <c>")
    )
    return Call(
        asked.replace("<c>", city), {"city": city}, {"time": clock}, f"It is {clock} in {city}."
    )


def add(rng: Random) -> Call:
    """A sum."""
    a, b = _number(rng), _number(rng)
    asked = rng.choice(
        (
            "{what is|calculate|compute} <a> + <b>",
            "{add|sum} <a> and <b>",
            "what is <a> plus <b>",
            "<a> + <b>",
            "<a>+<b>",
        )
    )
    filled = grammar.fill(asked, a=a, b=b)
    return Call(filled, {"a": a, "b": b}, {"result": a + b}, f"{a} + {b} = {a + b}.")


def multiply(rng: Random) -> Call:
    """A product."""
    a, b = _number(rng), _number(rng)
    asked = rng.choice(
        ("{what is|calculate} <a> times <b>", "multiply <a> {by|and|with} <b>", "<a> * <b>")
    )
    filled = grammar.fill(asked, a=a, b=b)
    return Call(filled, {"a": a, "b": b}, {"result": a * b}, f"{a} * {b} = {a * b}.")


def calculate(rng: Random) -> Call:
    """An expression."""
    parts = [str(_number(rng))]
    for _ in range(rng.randint(1, 3)):
        parts += [rng.choice("+-*/"), str(_number(rng))]
    expression, result = " ".join(parts), _number(rng)
    asked = f"{rng.choice(('calculate', 'compute', 'what is', 'evaluate', 'solve'))} {expression}"
    return Call(asked, {"expression": expression}, {"result": result}, f"{expression} = {result}.")


def search(rng: Random) -> Call:
    """A search."""
    query = _text(rng)
    asked = rng.choice(
        ("{search|search the web|look} for <q>", "search <q>", "find pages about <q>", "google <q>")
    )
    titles: list[Json] = [grammar.capitalize(_text(rng)) for _ in range(rng.randint(1, 3))]
    report = f"I found: {grammar.join([str(title) for title in titles])}."
    return Call(asked.replace("<q>", query), {"query": query}, {"titles": titles}, report)


def models(rng: Random) -> Call:
    """The models there are."""
    asked = rng.choice(
        (
            "{which|what} models {are there|do you have|are available}",
            "list {the|all} models",
            "show me the models",
        )
    )
    names = [commands.model_name(rng) for _ in range(rng.randint(1, 3))]
    result: Json = {"models": list(names)}
    return Call(asked, {}, result, f"The models are: {grammar.join(names)}.")


def stock(rng: Random) -> Call:
    """The price of a stock."""
    symbol = "".join(rng.choices(copying.ALPHABET, k=rng.randint(2, 4)))
    price = round(rng.uniform(1, 900), 2)
    asked = rng.choice(
        ("what is the {price|stock price} of <s>", "how much is <s> {stock|}", "price of <s>")
    )
    return Call(
        asked.replace("<s>", symbol),
        {"symbol": symbol},
        {"price": price},
        f"{symbol} is at {price}.",
    )


def timer(rng: Random) -> Call:
    """A timer."""
    minutes = rng.randint(2, 90)
    asked = rng.choice(
        ("set a timer {for|of} <m> minutes", "start a <m> minute timer", "wake me in <m> minutes")
    )
    return Call(
        asked.replace("<m>", str(minutes)),
        {"minutes": minutes},
        {"status": "ok"},
        f"The timer is set to {minutes} minutes.",
    )


def mail(rng: Random) -> Call:
    """A message to somebody."""
    name, text = rng.choice(words.NAMES), _text(rng)
    asked = rng.choice(
        (
            "send {a mail|a message|an email} to <n>: <t>",
            "{write|send} <n> {a mail|a message} that says: <t>",
        )
    )
    filled = grammar.fill(asked, n=name, t=text)
    return Call(
        filled, {"to": name, "text": text}, {"status": "sent"}, f"The message to {name} is sent."
    )


def translate(rng: Random) -> Call:
    """A translation."""
    language, text, result = rng.choice(LANGUAGES), _text(rng), copying.made_up(rng)
    asked = rng.choice(("translate <t> {to|into} <l>", "how do you say <t> in <l>"))
    filled = grammar.fill(asked, t=text, l=language)
    return Call(
        filled, {"text": text, "language": language}, {"text": result}, f"In {language}: {result}."
    )


def light(rng: Random) -> Call:
    """A light on or off."""
    room, state = rng.choice(ROOMS), rng.choice(("on", "off"))
    asked = rng.choice(
        ("turn {the light|the lights} <s> in the <r>", "turn <s> the {light|lights} in the <r>")
    )
    filled = grammar.fill(asked, s=state, r=room)
    report = f"The light in the {room} is {state}."
    return Call(filled, {"room": room, "state": state}, {"status": "ok"}, report)


def note(rng: Random) -> Call:
    """A note."""
    text = _text(rng)
    asked = rng.choice(
        ("{write|make|create|save} a note: <t>", "note {down|}: <t>", "remember this note: <t>")
    )
    return Call(
        asked.replace("<t>", text), {"text": text}, {"id": _number(rng)}, "The note is saved."
    )


def read(rng: Random) -> Call:
    """The content of a file."""
    path = f"{rng.choice(words.PLAIN)}.{rng.choice(('txt', 'md', 'py', 'json', 'toml'))}"
    path = rng.choice((path, f"{rng.choice(words.PLAIN)}/{path}"))
    content = _text(rng)
    asked = rng.choice(("{read|open|show me} {the file |}<p>", "what is in {the file |}<p>"))
    return Call(
        asked.replace("<p>", path),
        {"path": path},
        {"content": content},
        f"The file says: {content}",
    )


def convert(rng: Random) -> Call:
    """A conversion of units."""
    amount, result = _number(rng), round(rng.uniform(1, 999), 1)
    source, target = rng.sample(UNITS, 2)
    asked = rng.choice(("convert <a> <x> {to|into} <y>", "how {many|much} <y> {are|is} <a> <x>"))
    arguments: Arguments = {"amount": amount, "from": source, "to": target}
    filled = grammar.fill(asked, a=amount, x=source, y=target)
    return Call(filled, arguments, {"result": result}, f"{amount} {source} are {result} {target}.")
