"""The lines of quarantine.jsonl against the manifest's counts, and the slots that they name.

A line that the index made says that an entry is damaged; every other one that a row of a shard was
tried and failed, under the key of its slot.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from vbdata.core.types import Cell
from vbdata.errors import BadSample
from vbdata.layout import MANIFEST, QUARANTINE, key_digits
from vbdata.manifest.model import Manifest
from vbdata.manifest.sums import LARGEST
from vbdata.storage.folder import Folder

Tried = dict[
    int, dict[str, Cell]
]  # by shard and key, the cell of the last record that failed there


def quarantine_faults(out: Folder, manifest: Manifest, tried: Tried) -> Iterator[str]:
    """A sentence for each way in which quarantine.jsonl contradicts the manifest.

    tried: is filled with the slots of the lines, as far as they are those of the manifest.
    """
    reasons, cells, indexed = Counter[str](), Counter[Cell](), Counter[str]()
    most = sum(cell.quarantined for cell in manifest.cells)
    try:
        with out.open(QUARANTINE) as file:
            for number, row, laid_out in _lines(file):
                if not laid_out:
                    yield f"{QUARANTINE}: line {number} is not as it was written; it was edited"
                    return
                if row["stage"] == "index":
                    indexed[str(row["source"])] += 1
                    continue
                cell = str(row["source"]), str(row["task"])
                reasons[str(row["reason"])] += 1
                cells[cell] += 1
                shard = _shard_of(str(row["key"]), manifest)
                if shard is None:
                    yield f"{QUARANTINE}: line {number} has {row['key']!r}, which is no key"
                elif cells.total() <= most:
                    tried.setdefault(shard, {})[str(row["key"])] = cell
    except (ValueError, KeyError, TypeError, RecursionError, OSError, BadSample) as err:
        yield f"{QUARANTINE}: cannot be read: {type(err).__name__}: {err}"
        return
    if dict(reasons) != manifest.quarantine:
        yield f"{QUARANTINE}: its reasons are not those that {MANIFEST} counts"
    for cell_line in manifest.cells:
        count = cells[cell_line.source, cell_line.task]
        if count != cell_line.quarantined:
            name = f"{cell_line.source} / {cell_line.task}"
            yield f"{QUARANTINE}: {count} lines of {name}, {cell_line.quarantined} in {MANIFEST}"
    for line in manifest.sources:
        if indexed[line.source] != line.faults:
            stated = f"{line.faults} in {MANIFEST}"
            yield (
                f"{QUARANTINE}: {indexed[line.source]} damaged entries of {line.source}, {stated}"
            )


def _lines(file: Any) -> Iterator[tuple[int, dict[str, Any], bool]]:
    """Number and content of each line, and whether it is laid out as builds write it."""
    number = 0
    while line := file.readline(LARGEST):
        number += 1
        row = json.loads(line)
        yield number, row, line == f"{json.dumps(row, sort_keys=True)}\n".encode()


def _shard_of(key: str, manifest: Manifest) -> int | None:
    """The shard of a key, None if the build cannot have it."""
    if len(key) != key_digits(manifest.wanted) or not (key.isascii() and key.isdigit()):
        return None
    return int(key) // manifest.recipe.shard_size if int(key) < manifest.wanted else None
