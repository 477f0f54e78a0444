"""Rows of numbers, collected as columns and sorted by what they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Columns:
    """Rows that are collected. types: name of a column -> its type; the first tells whose it is."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        self._types = types
        self._parts: dict[str, list[Array]] = {name: [] for name in types}

    def add(self, *columns: Sequence[Any]) -> None:
        """Add some rows, a sequence a column; without columns nothing."""
        for (name, type_), values in zip(self._types.items(), columns, strict=bool(columns)):
            self._parts[name].append(np.array(values, type_))

    def by(self, *names: str) -> Sorted:
        """The rows in the order of some columns, and of adding among equals. Empties these."""
        keys = [self._whole(name) for name in names]
        order = np.lexsort(keys[::-1])
        whole = dict(zip(names, keys, strict=True))
        columns = {
            name: (whole.pop(name) if name in whole else self._whole(name))[order]
            for name in self._types
        }
        owners = columns[names[0]]
        most = int(owners[-1]) + 1 if len(owners) else 0
        return Sorted(columns, np.searchsorted(owners, np.arange(most + 1)))

    def _whole(self, name: str) -> Array:
        parts = self._parts.pop(name)
        return np.concatenate(parts) if parts else np.zeros(0, self._types[name])


@dataclass(frozen=True, slots=True)
class Sorted:
    """Rows by their owner, the first column; bounds: where those of each begin, by its number."""

    columns: Mapping[str, Array]
    bounds: Array

    def of(self, owner: int) -> list[list[Any]]:
        """The rows of an owner, a list for each column but the first."""
        if owner + 1 >= len(self.bounds):
            return [[] for _ in range(len(self.columns) - 1)]
        rows = slice(self.bounds[owner], self.bounds[owner + 1])
        _, *others = self.columns.values()
        return [column[rows].tolist() for column in others]

    def there(self, owners: int) -> NDArray[np.bool_]:
        """Which owners have rows. owners: how many there are."""
        found = np.zeros(owners, np.bool_)
        found[: len(self.bounds) - 1] = np.diff(self.bounds) > 0
        return found
