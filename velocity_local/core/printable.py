"""Text that is safe to show: no terminal commands, no reordering of what is read."""

_JOINERS = "\u200c\u200d"
_SHOWN_AS_IS = frozenset("\n\t" + _JOINERS)


def printable(text: str) -> str:
    """`text` with every control and format character shown as an escape.

    Line ends and tabs stay, and the two joiners that emoji and several scripts are written with.
    Character by character, so any split of a text gives the same.
    """
    if text.isprintable():
        return text
    return "".join(
        character
        if character.isprintable() or character in _SHOWN_AS_IS
        else character.encode("unicode_escape").decode()
        for character in text
    )
