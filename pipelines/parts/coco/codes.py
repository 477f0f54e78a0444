"""Numbers from 0 for the ids of images and classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOOKED_UP = 1 << 22  # ids below it are looked up in a table


class Codes(dict[Any, int]):
    """Numbers from 0 for values, in the order in which they come."""

    def __init__(self) -> None:
        super().__init__()
        self._table = np.zeros(0, np.int32)  # of ids below LOOKED_UP, -1 for unknown ones

    def __missing__(self, value: Any) -> int:
        self[value] = code = len(self)
        return code

    def expect(self, values: Sequence[Any]) -> None:
        """Number values that are all different, before any other."""
        self.update(zip(values, range(len(values)), strict=True))
        if {*map(type, values)} == {int} and 0 <= min(values) <= max(values) < LOOKED_UP:
            self._tabulate(np.array(values), range(len(values)))

    def of(self, ids: NDArray[np.int64]) -> NDArray[np.int32]:
        """The numbers of ids of 0 or more, which are made for those that have none."""
        most = int(ids.max(initial=0))
        if most >= LOOKED_UP:
            return np.array([*map(self.__getitem__, ids.tolist())], np.int32)
        if most < len(self._table) and (numbers := self._table[ids]).min(initial=0) >= 0:
            return numbers
        every = [*dict.fromkeys(ids.tolist())]
        self._tabulate(np.array(every, np.int64), [*map(self.__getitem__, every)])
        return self._table[ids]

    def _tabulate(self, ids: NDArray[np.int64], numbers: Sequence[int]) -> None:
        """Note the numbers of ids below LOOKED_UP."""
        most = int(ids.max(initial=0))
        if most >= len(self._table):
            grown = np.full(max(most + 1, 2 * len(self._table)), -1, np.int32)
            grown[: len(self._table)] = self._table
            self._table = grown
        self._table[ids] = numbers
