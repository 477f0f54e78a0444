"""How often a line is printed where there is no terminal to draw on."""

from __future__ import annotations

import time

PLAIN_EVERY_S = 10.0  # between two lines about the same thing


class Pace:
    """Says when the next line is due: PLAIN_EVERY_S after the last one.

    at_once: whether the first is due immediately, rather than after as long.
    """

    def __init__(self, *, at_once: bool) -> None:
        self._last = float("-inf") if at_once else time.monotonic()

    def due(self) -> bool:
        """Whether a line is due; if so, it counts as printed now."""
        now = time.monotonic()
        if now - self._last <= PLAIN_EVERY_S:
            return False
        self._last = now
        return True
