"""The quarantine of a build, read a line at a time: counts, examples, the first records."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from vbdata.errors import REASONS, BuildError, one_line
from vbdata.layout import QUARANTINE
from vbdata.storage.folder import Folder

FIRST = 100  # records that are shown
LONGEST = 300  # characters of a text about one


@dataclass(slots=True)
class Quarantine:
    """The quarantined records of a build.

    total: how many; counts: (source, task, stage, reason) and how many records, the most frequent
    first; examples: of each (source, reason) the first record in words; first: the first records,
    with all that is known of them.
    """

    total: int = 0
    counts: list[tuple[tuple[str, str, str, str], int]] = field(default_factory=list)
    examples: dict[tuple[str, str], str] = field(default_factory=dict)
    first: list[dict[str, str]] = field(default_factory=list)

    def by_source(self) -> list[tuple[str, str, int, str]]:
        """(source, reason, records, an example in words), the most frequent first."""
        sums = Counter[tuple[str, str]]()
        for (source, _, _, reason), count in self.counts:
            sums[source, reason] += count
        ordered = sorted(sums.items(), key=lambda item: (-item[1], item[0]))
        return [(*pair, count, self.examples[pair]) for pair, count in ordered]

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
            pair = (line["source"], line["reason"])
            if pair not in quarantine.examples:
                quarantine.examples[pair] = _in_words(line)
            if number <= FIRST:
                quarantine.first.append({key: _cut(str(value)) for key, value in line.items()})
            quarantine.total = number
    quarantine.counts = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return quarantine


def _in_words(line: Mapping[str, Any]) -> str:
    file = f"{line['file']}: " if line.get("file") else ""
    return one_line(f"{line.get('sample_id', '')}: {file}{line.get('detail', '')}", 120)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
