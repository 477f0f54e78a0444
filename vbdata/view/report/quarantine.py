"""The quarantine of a build, read a line at a time: counts, and the first records."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from vbdata.errors import REASONS, BuildError
from vbdata.layout import QUARANTINE
from vbdata.storage.folder import Folder

FIRST = 100  # records that are shown
LONGEST = 300  # characters of what is said of one


@dataclass(slots=True)
class Quarantine:
    """counts: records by (source, task, stage, reason), most frequent first; first: in full."""

    total: int = 0
    counts: list[tuple[tuple[str, str, str, str], int]] = field(default_factory=list)
    first: list[dict[str, str]] = field(default_factory=list)

    def meanings(self) -> dict[str, str]:
        """What the reasons mean that occur."""
        said = {str(reason): meaning for reason, meaning in REASONS.items()}
        found = sorted({reason for (_, _, _, reason), _ in self.counts})
        return {reason: said.get(reason, "") for reason in found}


def read_quarantine(out: Folder) -> Quarantine:
    """Count the quarantined records. Raises BuildError if the file is damaged."""
    counts = Counter[tuple[str, str, str, str]]()
    found = Quarantine()
    with out.open(QUARANTINE) as file:
        for number, raw in enumerate(file, 1):
            try:
                line: dict[str, Any] = json.loads(raw)
                counts[line["source"], line["task"], line["stage"], line["reason"]] += 1
            except (ValueError, KeyError, TypeError) as err:
                raise BuildError(
                    f"{QUARANTINE}, line {number}: {err!r}; run vbdata verify"
                ) from err
            if number <= FIRST:
                found.first.append({key: _cut(str(value)) for key, value in line.items()})
            found.total = number
    found.counts = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return found


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
