"""Values as messages show them, however long or deep they are."""

from __future__ import annotations

import reprlib
from decimal import Decimal


class _Short(reprlib.Repr):
    """Python's repr, cut while it is made: what it shows of a value never costs more than that."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxdict, self.maxlist, self.maxstring, self.maxother = 3, 4, 6, 80, 80

    def repr_Decimal(self, number: Decimal, level: int) -> str:
        """A number as it stands in the recipe, more or less."""
        return str(number)


def shown(value: object) -> str:
    """A value as messages show it, in 80 characters at most."""
    text = _Short().repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
