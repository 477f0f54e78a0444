"""Rows of numbers, collected as columns and sorted by what they belong to, and texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


class Columns:
    """Rows that are collected. types: name of a column -> its type; the first tells whose it is."""

    def __init__(self, types: Mapping[str, Any]) -> None:
        self._types = types
        self._parts: dict[str, list[NDArray[Any]]] = {name: [] for name in types}

    def add(self, *columns: Sequence[Any] | NDArray[Any]) -> None:
        """Add some rows, a sequence a column; without columns nothing. Arrays are kept."""
        for (name, type_), values in zip(self._types.items(), columns, strict=bool(columns)):
            self._parts[name].append(np.asarray(values, type_))

    def by(self, owner: str, key: str) -> Sorted:
        """The rows of each owner by a key, and those of one key as they were added. Empties these.

        owner: the first column.
        """
        owners, keys = self._whole(owner), self._whole(key)
        order = _order(owners, keys)
        owners, keys = owners[order], keys[order]
        rest = [name for name in self._types if name != owner]
        rows = np.empty(len(order), [(name, self._types[name]) for name in rest])
        for name in rest:
            rows[name] = keys if name == key else self._whole(name)[order]
        most = int(owners[-1]) + 1 if len(owners) else 0
        bounds = np.searchsorted(owners, np.arange(most + 1))
        same = (owners[1:] == owners[:-1]) & (keys[1:] == keys[:-1])
        return Sorted(rows, bounds.tolist(), frozenset(owners[1:][same].tolist()))

    def _whole(self, name: str) -> NDArray[Any]:
        parts = self._parts.pop(name)
        return np.concatenate(parts) if parts else np.zeros(0, self._types[name])


def _order(owners: NDArray[Any], keys: NDArray[Any]) -> NDArray[np.int64]:
    """np.lexsort((keys, owners)), sooner. owners: integers from 0 to 2**31 - 1."""
    rising = bool((keys[1:] >= keys[:-1]).all())
    by_key = np.arange(len(keys)) if rising else np.argsort(keys, kind="stable")
    bits = len(keys).bit_length()  # of a place among the rows, which is sorted with its owner
    places = owners[by_key].astype(np.int64) << bits | np.arange(len(keys))
    places.sort()
    order: NDArray[np.int64] = by_key[places & ((1 << bits) - 1)]
    return order


@dataclass(frozen=True, slots=True)
class Sorted:
    """Rows by their owners.

    rows: all columns but the owner's; bounds: where the rows of each owner begin, by its number;
    twice: owners that have two rows with one key.
    """

    rows: NDArray[Any]
    bounds: list[int]
    twice: frozenset[int]

    def of(self, owner: int) -> list[tuple[Any, ...]]:
        """The rows of an owner."""
        found: list[tuple[Any, ...]] = self.rows[self.slice_of(owner)].tolist()
        return found

    def slice_of(self, owner: int) -> slice:
        """Where the rows of an owner are."""
        return slice(*self.bounds[owner : owner + 2]) if owner < self.owners else slice(0, 0)

    @property
    def owners(self) -> int:
        """One more than the largest number of an owner that has rows."""
        return len(self.bounds) - 1

    def between(self, first: int, count: int) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """The rows of some owners from a first one on, and where those of each begin and end.

        The bounds are one more than the owners, whether these have rows or not.
        """
        there = self.bounds[min(first, self.owners) : first + count + 1]
        bounds = np.full(count + 1, there[-1], np.int64)
        bounds[: len(there)] = there
        return bounds - bounds[0], self.rows[bounds[0] : bounds[-1]]

    def there(self, owners: int) -> NDArray[np.bool_]:
        """Which owners have rows. owners: how many there are."""
        found = np.zeros(owners, np.bool_)
        found[: len(self.bounds) - 1] = np.diff(self.bounds) > 0
        return found


class Texts:
    """Texts that are collected, as UTF-8."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._bounds = [np.zeros(1, np.int64)]
        self._size = self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, text: str) -> range:
        """Add a text without halves of surrogate pairs. Returns its number."""
        data = text.encode()
        return self.add_all(data, np.array([0, len(data)]))

    def add_all(self, texts: bytes, bounds: NDArray[np.int64]) -> range:
        """Add texts that stand one after the other. bounds: where each begins, and the last ends.

        Returns their numbers.
        """
        before = len(self)
        self._parts.append(texts)
        self._bounds.append(bounds[1:] + self._size)
        self._size += len(texts)
        self._count += len(bounds) - 1
        return range(before, len(self))

    def at(self, numbers: NDArray[np.int64]) -> pa.LargeStringArray:
        """Some of them by their numbers."""
        buffers = [pa.py_buffer(np.concatenate(self._bounds)), pa.py_buffer(b"".join(self._parts))]
        every = pa.LargeStringArray.from_buffers(len(self), *buffers)
        # pa.array would do, but imports pandas, where that is installed
        places = [None, pa.py_buffer(np.ascontiguousarray(numbers))]
        return every.take(pa.Array.from_buffers(pa.int64(), len(numbers), places))
