"""Text that is looked for within text, as patterns of LIKE with a backslash as the escape."""

_ESCAPES = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\"})


def containing(text: str) -> str:
    """Matches whatever holds `text`, whose own signs mean themselves."""
    return f"%{text.translate(_ESCAPES)}%"
