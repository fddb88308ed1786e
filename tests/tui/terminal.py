"""What a person would read on the screen."""

from typing import Any

from textual.app import App


def text(app: App[Any]) -> str:
    """The screen's lines."""
    strips = app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)
