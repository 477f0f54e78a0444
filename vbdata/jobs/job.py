"""The nouns of building a shard: its planned rows, its job, its receipt, and reports to the driver.

A `ShardSpec` is what the driver sends; with the `JobContext` that all shards share (jobs.context) a
worker makes the `Job` of it, builds the shard and writes its `Receipt`. The driver gets a
`ShardReport` back.
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


def row_text(row_id: RowId) -> str:
    """A row as messages name it: "source / task, record 'id'"."""
    source, task, record, _ = row_id
    return f"{source} / {task}, record {record!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One planned sample: which record of which source, for which task, on which pass.

    slot: position in the shard, counted from 0; -1 marks a spare, which has none yet;
    pass_: how many whole passes over the cell's records came before, so a record that is used
    again has another pass; in an enumerated build the number of its query and vote (Job.votes);
    digest: of the entry (vbdata.index.facts.entry_digest).
    """

    slot: int
    source: str
    task: str
    pass_: int
    entry: Entry
    digest: str

    @property
    def cell(self) -> Cell:
        """The source and the task, for which the mixture has a share."""
        return self.source, self.task

    @property
    def row_id(self) -> RowId:
        """What tells this row from every other one of its job, whichever slot it fills."""
        return self.source, self.task, self.entry.id, self.pass_


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """All that decides the bytes of one shard, and where its raw data lies.

    shard: its number; tar: its path in the output folder; first: the position of its first sample
    in the whole data set; digits: of a sample's key;
    rows: the samples by slot; spares: rows that replace damaged ones, in the order of their use;
    image: the recipe's, as JSON values;
    datasets: source -> reader; vocabulary: source -> all classes of its index as (name, countable);
    options: task -> keyword options of its `ask`; votes: the recipe's, 0 where samples are drawn;
    digest: of all of this (JobContext.digest).

    In no digest, because they change no byte: roots, source -> where its raw data lies; reuse,
    origin -> samples of earlier builds (vbdata.shard.reuse); poison, rows that end their process,
    with the stage at which they do (vbdata.run.guarded).
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
    votes: int = 0
    reuse: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    poison: Mapping[RowId, str] = field(default_factory=dict)

    def place(self, row: Row) -> tuple[int, int]:
        """Number of a row's query and of its vote, both from 0; only of an enumerated build."""
        return divmod(row.pass_, self.votes)

    def key(self, slot: int) -> str:
        """The key of the sample in a slot: its position in the whole data set, zero-padded."""
        return f"{self.first + slot:0{self.digits}d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardSpec:
    """Which rows a shard has, in a few bytes a row: what the driver sends to a worker.

    Together with the JobContext that all shards share it says the same as a Job.

    shard: its number; digest: of the job that the driver has planned; samples: how many rows come
    before the spares; cell: unsigned[rows], places in JobContext.cells; record: uint32[rows],
    places among the entries of all sources; passes: unsigned[rows]; reuse: as in Job.
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
    """What a finished shard holds. It is written last, so a shard with a receipt is complete.

    job: digest of its job; tar: its path, with sha256 and size in bytes; index_sha256: of its
    file of offsets; environment: versions of the libraries that can change bytes;
    samples: one mapping a sample, in order; quarantine: one mapping a damaged record that was
    tried; shortfall: slots that stayed empty because no spare was left.

    Of this run alone, so not written: reuse, how many samples of earlier builds were copied, or
    were not for which cause; spent, where the time went.
    """

    job: str
    shard: int
    tar: str
    sha256: str
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
    """What a worker tells the driver of a finished shard: the receipt in short.

    size: bytes of the tar; samples: how many there are, by cell; replaced: how many of them are
    spares that stand for a damaged record, by the record's cell; quarantine, reuse, spent: as in
    Receipt.
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
        """Count the samples and the replaced records of a receipt by cell."""
        made = {sample["key"] for sample in receipt.samples}
        # by key, so that a slot in which two records were damaged counts as one replaced
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
