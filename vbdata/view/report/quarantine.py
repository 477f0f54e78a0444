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
LONGEST = 300  # characters of a text about one


@dataclass(slots=True)
class Quarantine:
    """The quarantined records of a build.

    total: how many; counts: (source, task, stage, reason) and how many records, the most frequent
    first; first: the first records, with all that is known of them.
    """

    total: int = 0
    counts: list[tuple[tuple[str, str, str, str], int]] = field(default_factory=list)
    first: list[dict[str, str]] = field(default_factory=list)

    def meanings(self) -> dict[str, str]:
        """The meaning of each reason that occurs; "" of one that this vbdata does not know."""
        known = {str(reason): meaning for reason, meaning in REASONS.items()}
        reasons = sorted({reason for (_, _, _, reason), _ in self.counts})
        return {reason: known.get(reason, "") for reason in reasons}


def read_quarantine(out: Folder) -> Quarantine:
    """Count the quarantined records of a build. Raises BuildError if their file is damaged."""
    counts = Counter[tuple[str, str, str, str]]()
    quarantine = Quarantine()
    with out.open(QUARANTINE) as file:
        for number, raw in enumerate(file, 1):
            try:
                line: dict[str, Any] = json.loads(raw)
                counts[line["source"], line["task"], line["stage"], line["reason"]] += 1
            except (ValueError, KeyError, TypeError, RecursionError) as err:
                raise BuildError(
                    f"{out.url}: {QUARANTINE}, line {number}: {err!r}; run vbdata verify"
                ) from err
            if number <= FIRST:
                quarantine.first.append({key: _cut(str(value)) for key, value in line.items()})
            quarantine.total = number
    quarantine.counts = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return quarantine


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
