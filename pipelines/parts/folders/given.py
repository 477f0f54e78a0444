"""Options of a recipe, read key by key: what is wrong is noted with its key and what may stand."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from vbdata.errors import SourceError, choices

from .patterns import Pattern, compiled


class Given:
    """A mapping of options. Each method takes one key; `close` finds those that nobody took."""

    def __init__(self, values: Mapping[str, Any], prefix: str, faults: list[str]) -> None:
        """prefix: of the keys in messages, such as "depth."; faults: what is wrong goes there."""
        self._values = {str(key): value for key, value in values.items()}
        self.prefix, self.faults, self._known = prefix, faults, list[str]()

    def __contains__(self, key: str) -> bool:
        return key in self._values

    def raw(self, key: str) -> Any:
        """A value as it stands, None if it is not given."""
        self._known.append(key)
        return self._values.get(key)

    def fault(self, key: str, detail: str) -> None:
        """Note what is wrong with a key."""
        self.faults.append(f"{self.prefix}{key}: {detail}")

    def text(self, key: str) -> str:
        """A text, "" if it is not given."""
        value = self.raw(key)
        if value is None:
            return ""
        if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
            return str(value)
        self.fault(key, f"{value!r:.60} is no text")
        return ""

    def texts(self, key: str) -> tuple[str, ...]:
        """A text or a list of texts."""
        value = self.raw(key)
        listed = [] if value is None else value if isinstance(value, list) else [value]
        if any(isinstance(v, list | dict) for v in listed):
            self.fault(key, f"{value!r:.60} should be a text or a list of texts")
            return ()
        return tuple(map(str, listed))

    def choice(self, key: str, known: Collection[str], why: str) -> str:
        """One of the known words. why: said in the message if it is not given."""
        value = self.raw(key)
        if value is None:
            self.fault(key, f"is to be set: {why}{choices('', known)}")
        elif not isinstance(value, str) or value not in known:
            self.fault(key, f"{value!r:.60} is not a choice{choices(value, known)}")
        else:
            return value
        return next(iter(known))

    def flag(self, key: str) -> bool:
        """True or false, false if it is not given."""
        value = self.raw(key)
        if value is not None and not isinstance(value, bool):
            self.fault(key, f"{value!r:.60} is not a choice. Known: false, true")
        return value is True

    def number(self, key: str, why: str = "") -> float:
        """A number above 0, also as a fraction such as 1/256; 0 if it is not given.

        why: what to say if it has to be given, "" if it need not.
        """
        value = self.raw(key)
        if value is None:
            if why:
                self.fault(key, f"is to be set: {why}")
            return 0.0
        found = number(value)
        if found is None or not 0 < found < float("inf"):
            self.fault(key, f"{value!r:.60} is no number above 0")
            return 1.0
        return found

    def numbers(self, key: str) -> tuple[float, ...]:
        """A number or a list of numbers; inf counts as one."""
        value = self.raw(key)
        listed = [] if value is None else value if isinstance(value, list) else [value]
        found = [number(v) for v in listed]
        if any(n is None for n in found):
            self.fault(key, f"{value!r:.60} should be a number or a list of numbers")
        return tuple(n for n in found if n is not None)

    def patterns(self, key: str, needed: str = "", *, stem: bool = True) -> tuple[Pattern, ...]:
        """A pattern of paths, or a list of them.

        needed: what to say if there is none; stem: whether a `*` may stand for {id}.
        """
        texts = self.texts(key)
        if needed and not any(texts):
            self.fault(key, f"is to be set: {needed}")
        found = []
        for text in filter(None, texts):
            try:
                found.append(compiled(text, f"{self.prefix}{key}", stem=stem))
            except SourceError as err:
                self.faults.append(str(err))
        return tuple(found)

    def below(self, key: str, short: str = "files") -> Given:
        """A mapping of options, empty if it is not given; a text stands for its key `short`."""
        value = self.raw(key)
        if isinstance(value, str) and value:
            value = {short: value}
        if value is not None and not isinstance(value, Mapping):
            if value != "":
                self.fault(key, f"{value!r:.60} should be a mapping")
            value = None
        return Given(value or {}, f"{self.prefix}{key}.", self.faults)

    def names(self) -> list[str]:
        """The keys that are given."""
        return list(self._values)

    def empty(self) -> bool:
        """Whether nothing is given."""
        return not self._values

    def close(self) -> None:
        """Note the keys that were not taken."""
        for key in self._values:
            if key not in self._known:
                self.fault(key, f"unknown key{choices(key, self._known)}")


def number(value: Any) -> float | None:
    """A number of a recipe as a float: 1000, 0.1, "1/256", "inf"; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    text = str(value).strip().lower().replace(".inf", "inf")
    above, stroke, below = text.partition("/")
    try:
        found = float(above) / (float(below) if stroke else 1.0)
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return None if math.isnan(found) else found
