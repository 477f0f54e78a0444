"""The nouns of building: a planned row, a job, which is a shard to be made, its receipt, and what
a driver is told of both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from vbdata.core.types import Cell, Entry

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vbdata.machine.stages import Spent

RowId = tuple[str, str, str, int]  # source, task, id of the entry, pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One planned sample: `cell` = (source, task), the entry, and which pass over its source.

    slot: place in the shard; -1 marks a spare; digest: of the entry (vbdata.index.entries).
    """

    slot: int
    source: str
    task: str
    pass_: int
    entry: Entry
    digest: str

    @property
    def cell(self) -> Cell:
        """What the mixture counts."""
        return self.source, self.task

    @property
    def row_id(self) -> RowId:
        """What tells it from every other row of its job, in any slot."""
        return self.source, self.task, self.entry.id, self.pass_


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that decides the bytes of one shard, and where to read (roots are in no digest).

    rows: the samples by slot, then the spares in the order in which they step in;
    image: max_pixels, multiple_of, input; options: task -> keyword options of its `ask`;
    vocabulary: source -> all classes of its index as (name, countable);
    reuse: origin -> samples of earlier builds (vbdata.shard.reuse; in no digest);
    killers: rows that end their process, and at which stage (vbdata.run.guarded; in no digest).
    """

    shard: int
    tar: str
    first: int
    digits: int
    seed: int
    image: Mapping[str, Any]
    rows: tuple[Row, ...]
    spares: tuple[Row, ...]
    datasets: Mapping[str, str]
    vocabulary: Mapping[str, tuple[tuple[str, bool], ...]]
    options: Mapping[str, Mapping[str, Any]]
    roots: Mapping[str, tuple[str, ...]]
    digest: str
    reuse: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    poison: Mapping[RowId, str] = field(default_factory=dict)

    def key(self, slot: int) -> str:
        """The sample's key: its place in the whole data set."""
        return f"{self.first + slot:0{self.digits}d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSpec:
    """Which rows a shard has, in some bytes: with what all shards share (jobs.shared), a Job.

    samples: how many of the rows are no spares; cell: unsigned[rows]; record: uint32[rows], a
    place among the entries of all sources; passes: unsigned[rows]; reuse: as in Job.
    """

    shard: int
    digest: str
    samples: int
    cell: NDArray[Any]
    record: NDArray[np.uint32]
    passes: NDArray[Any]
    reuse: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a finished shard holds; written last, so its presence is completion.

    samples: one mapping a sample, in order; quarantine: one a damaged record that was tried;
    shortfall: slots that stayed empty as no spare was left; and of this run, so not written,
    reuse: what came of samples of earlier builds; spent: where the time went.
    """

    job: str
    shard: int
    tar: str
    sha256: str
    md5: str
    size: int
    index_sha256: str
    environment: Mapping[str, str]
    samples: tuple[Mapping[str, Any], ...]
    quarantine: tuple[Mapping[str, Any], ...]
    shortfall: tuple[int, ...]
    reuse: Mapping[str, int] = field(default_factory=dict)
    spent: Spent | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardReport:
    """What a driver is told of a finished shard, whose receipt has the rest.

    samples, replaced: how many by cell, and how many of them stand for a damaged record.
    """

    shard: int
    size: int
    samples: Mapping[Cell, int]
    replaced: Mapping[Cell, int]
    quarantine: tuple[Mapping[str, Any], ...]
    reuse: Mapping[str, int]
    spent: Spent | None

    @classmethod
    def of(cls, receipt: Receipt) -> ShardReport:
        """The report of a shard."""
        made = {sample["key"] for sample in receipt.samples}
        tried = {line["key"]: (line["source"], line["task"]) for line in receipt.quarantine}
        return cls(
            shard=receipt.shard,
            size=receipt.size,
            samples=Counter((sample["source"], sample["task"]) for sample in receipt.samples),
            replaced=Counter(cell for key, cell in tried.items() if key in made),
            quarantine=receipt.quarantine,
            reuse=receipt.reuse,
            spent=receipt.spent,
        )
