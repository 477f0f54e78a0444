"""Data recognised by the layout that its reader states, for `vbdata init`.

A reader of frames may have LAYOUT, a mapping of a file's role to a pattern of paths: its group
`root` is what lies above the data, its other groups say which files are of one frame; and perhaps
`layout_options(parts)`, the options under which it lists a frame of some groups, and UNFIT, tasks
that its labels cannot serve.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from re import Match
from types import ModuleType

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse


def recognised(reader: ModuleType, glimpse: Glimpse) -> Iterator[Found]:
    """The frames of a reader, a source for each set of options that some of them need.

    Only where files of all of its roles are there.
    """
    found: dict[str, dict[str, list[Match[str]]]] = {}
    for path in glimpse.paths:
        for role, pattern in reader.LAYOUT.items():
            if match := pattern.fullmatch(path):
                found.setdefault(repr(_options(reader, match)), {}).setdefault(role, []).append(
                    match
                )
                break
    for by_role in found.values():
        if by_role.keys() == reader.LAYOUT.keys():
            yield _source(reader, by_role)


def _options(reader: ModuleType, match: Match[str]) -> dict[str, object]:
    needed: dict[str, object] = {}
    if hasattr(reader, "layout_options"):
        needed = reader.layout_options(match.groupdict())
    return needed


def _source(reader: ModuleType, by_role: dict[str, list[Match[str]]]) -> Found:
    shown = by_role[next(iter(reader.LAYOUT))]
    matches = [match for each in by_role.values() for match in each]
    name = (reader.__doc__ or "").partition(":")[0]
    return Found(
        root=posixpath.commonpath([f"/{match['root']}" for match in matches]).lstrip("/"),
        about=f"{name}: {len(shown):,} {'frame' if len(shown) == 1 else 'frames'}",
        count=len(shown),
        labels=reader.LABELS,
        unfit=getattr(reader, "UNFIT", ()),
        options=_options(reader, shown[0]),
        files=frozenset(match[0] for match in matches),
    )
