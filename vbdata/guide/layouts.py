"""Data recognised by the layout that its reader states, for `vbdata init`.

A reader of frames may have LAYOUT, a mapping of a file's role to a pattern of paths: its group
`root` is what lies above the data, its other groups say which files are of one frame; and perhaps
`layout_options(parts)`, the options under which it lists a frame of some groups; OFFERED, the kinds
of labels that there are then, if not all; and UNFIT, tasks that these cannot serve.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from re import Match
from types import ModuleType

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse


def recognised(reader: ModuleType, glimpse: Glimpse) -> Iterator[Found]:
    """The frames of a reader, where files of all of its roles are there.

    Of several sets of options that list some of them, those that list most count, and a note says
    what the others are.
    """
    found: dict[str, dict[str, list[Match[str]]]] = {}
    for path in glimpse.paths:
        for role, pattern in reader.LAYOUT.items():
            if match := pattern.fullmatch(path):
                by_role = found.setdefault(repr(_options(reader, match)), {})
                by_role.setdefault(role, []).append(match)
                break
    whole = {key: roles for key, roles in found.items() if roles.keys() == reader.LAYOUT.keys()}
    if not whole:
        return
    shown = next(iter(reader.LAYOUT))
    most = max(whole, key=lambda key: (len(whole[key][shown]), -len(key)))
    others = [whole[key][shown] for key in whole if key != most]
    matches = [match for roles in whole.values() for each in roles.values() for match in each]
    first, count = whole[most][shown][0], len(whole[most][shown])
    name = (reader.__doc__ or "").partition(":")[0]
    yield Found(
        root=posixpath.commonpath([f"/{match['root']}" for match in matches]).lstrip("/"),
        about=f"{name}: {count:,} {'frame' if count == 1 else 'frames'}",
        count=count,
        labels=getattr(reader, "OFFERED", reader.LABELS),
        unfit=getattr(reader, "UNFIT", ()),
        options=_options(reader, first),
        notes=tuple(_note(_options(reader, each[0]), len(each)) for each in others),
        files=frozenset(match[0] for match in matches),
    )


def _options(reader: ModuleType, match: Match[str]) -> dict[str, object]:
    needed: dict[str, object] = {}
    if hasattr(reader, "layout_options"):
        needed = reader.layout_options(match.groupdict())
    return needed


def _note(options: dict[str, object], count: int) -> str:
    said = ", ".join(f"{key}: {value}" for key, value in options.items()) or "the defaults"
    return f"also there, by {said}: {count:,} {'frame' if count == 1 else 'frames'}"
