"""The columns of a build's rows: the facts of every sample, their types and their meanings.

One table for everything that writes or describes them: the manifest's Parquet file, the json of
each sample, the dataset card and the descriptions that other libraries read.
"""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa


class Column(NamedTuple):
    """A column of the rows, never null. in_json: whether each sample's own json has it, too."""

    name: str
    type: pa.DataType
    in_json: bool
    meaning: str


COLUMNS = (
    Column("key", pa.string(), False, "name of the sample: its place in the whole data set"),
    Column("shard", pa.int32(), False, "which shard holds it, counted from 0"),
    Column("source", pa.string(), True, "source, as the recipe calls it"),
    Column("dataset", pa.string(), True, "reader of the source"),
    Column("task", pa.string(), True, "task: which encoding the target is in"),
    Column("sample_id", pa.string(), True, "id of the record in its source"),
    Column("group", pa.string(), True, "what may never be split between training and test"),
    Column("license", pa.string(), True, "licence of the record"),
    Column("pass", pa.int32(), True, "how often the cell's records had been used up before"),
    Column("seed", pa.int64(), True, "seed of the build"),
    Column("width", pa.int32(), True, "pixels of all three images"),
    Column("height", pa.int32(), True, "pixels of all three images"),
    Column("source_width", pa.int32(), True, "pixels of the record's image"),
    Column("source_height", pa.int32(), True, "pixels of the record's image"),
    Column("scaled_width", pa.int32(), True, "pixels after shrinking, before the crop"),
    Column("scaled_height", pa.int32(), True, "pixels after shrinking, before the crop"),
    Column("crop_left", pa.int32(), True, "pixels that the crop took off on the left"),
    Column("crop_top", pa.int32(), True, "pixels that the crop took off at the top"),
    Column("blank_input", pa.bool_(), True, "whether the input is black as the task needs none"),
    Column("valid_share", pa.float64(), False, "share of the pixels that are valid"),
    Column("roundtrip_error", pa.float64(), False, "error of the target's own decoding"),
    Column("instruction", pa.string(), False, "the prompt"),
    Column("params", pa.string(), True, "what the decoder must know, as JSON"),
    Column("raw_sha256", pa.string(), False, "SHA-256 of the raw bytes that were read"),
)

ROWS = pa.schema([(column.name, column.type) for column in COLUMNS])
