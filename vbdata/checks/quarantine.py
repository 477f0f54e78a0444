"""The lines of quarantine.jsonl against the manifest's counts of reasons and cells."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

from vbdata.errors import BadSample
from vbdata.layout import MANIFEST, QUARANTINE
from vbdata.manifest.model import Manifest
from vbdata.manifest.sums import LARGEST
from vbdata.storage.folder import Folder


def quarantine_faults(out: Folder, manifest: Manifest) -> Iterator[str]:
    """A sentence for each way in which quarantine.jsonl contradicts the manifest."""
    reasons, cells = Counter[str](), Counter[tuple[str, str]]()
    try:
        with out.open(QUARANTINE) as file:
            while line := file.readline(LARGEST):
                row = json.loads(line)
                if row["stage"] != "index":
                    reasons[str(row["reason"])] += 1
                    cells[str(row["source"]), str(row["task"])] += 1
    except (ValueError, KeyError, TypeError, RecursionError, OSError, BadSample) as err:
        yield f"{QUARANTINE}: cannot be read: {type(err).__name__}: {err}"
        return
    if dict(reasons) != manifest.quarantine:
        yield f"{QUARANTINE}: its reasons are not those that {MANIFEST} counts"
    for cell in manifest.cells:
        count = cells[cell.source, cell.task]
        if count != cell.quarantined:
            name = f"{cell.source} / {cell.task}"
            yield f"{QUARANTINE}: {count} lines of {name}, {cell.quarantined} in {MANIFEST}"
