"""Entries as columns: what a reader of very many may yield in place of `Entry` objects.

An object for every image and every class of it costs more than all that an index says of them. So
`index_columns(root, **options)` of a reader says what its `index` says, with the same options and
in the same order, in Arrow record batches of `COLUMNS`, and `Entry` objects between them for those
that need more fields.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from vbdata.core.types import ClassFact, Entry, FileRef

MOST_ROWS = 2048  # of a batch; as many are best: more take memory, and no less time

# The fields of Entry by their names; all others are as they are by default. No value is null.
# labels, captions: texts; files: by role, in the order of the roles; parts: as in ClassFact.
COLUMNS = pa.schema(
    {
        "id": pa.string(),
        "group": pa.string(),
        "width": pa.int64(),
        "height": pa.int64(),
        "license": pa.string(),
        "labels": pa.list_(pa.string()),
        "files": pa.list_(
            pa.struct(
                {"role": pa.string(), "path": pa.string(), "size": pa.int64(), "tag": pa.string()}
            )
        ),
        "classes": pa.list_(
            pa.struct(
                {
                    "name": pa.string(),
                    "thing": pa.bool_(),
                    "instances": pa.int64(),
                    "smallest": pa.int64(),
                    "parts": pa.list_(pa.struct({"place": pa.int64(), "area": pa.int64()})),
                }
            )
        ),
        "captions": pa.list_(pa.string()),
        "record": pa.binary(),
    }
)


def entries_of(batch: pa.RecordBatch) -> Iterator[Entry]:
    """The rows of a batch of COLUMNS as entries."""
    for row in batch.to_pylist():
        files, classes = row.pop("files"), row.pop("classes")
        for fact in classes:
            fact["parts"] = tuple((part["place"], part["area"]) for part in fact["parts"])
        yield Entry(
            files={file.pop("role"): FileRef(**file) for file in files},
            classes=tuple(ClassFact(**fact) for fact in classes),
            labels=tuple(row.pop("labels")),
            captions=tuple(row.pop("captions")),
            **row,
        )
