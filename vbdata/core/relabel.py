"""Segments under the names that a source's filters give them: of an entry what its label has, too.

Whoever loads segments of an entry passes them through here, so that pixels say what the entry's
facts say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np

from vbdata.core.arrays import look_up
from vbdata.core.labels import Segments
from vbdata.core.types import Entry
from vbdata.errors import BadSample


def relabelled(label: Segments, entry: Entry) -> Segments:
    """The label with the entry's own names of classes (Entry.relabel, Entry.hidden).

    Segments keep their places, so that expressions still mean them. One that is dropped or hidden
    has the name "" and no pixel: dropped ones are background, hidden ones are not valid. Raises
    BadSample("garbled annotation") if what the entry hides is of another class in the label.
    """
    if not entry.relabel and not entry.hidden:
        return label
    for place, name in entry.hidden:
        if label.classes[place : place + 1] != (name,):
            detail = f"segment {place + 1} of the label is no {name!r}, which min_area leaves out"
            raise BadSample("garbled annotation", detail)
    names = {old: (new, thing) for old, new, thing in entry.relabel}
    pairs = [
        names.get(name, (name, thing))
        for name, thing in zip(label.classes, label.things, strict=True)
    ]
    hidden = dict(entry.hidden)
    classes = ["" if place in hidden else name for place, (name, _) in enumerate(pairs)]
    numbers = [0, *(number if name else 0 for number, name in enumerate(classes, 1))]
    valid = [True, *(place not in hidden for place in range(len(classes)))]
    return replace(
        label,
        ids=look_up(np.array(numbers, np.int32), label.ids),
        classes=tuple(classes),
        things=tuple(thing for _, thing in pairs),
        valid=label.valid & look_up(np.array(valid), label.ids),
        known=_known(label, names, hidden.values()),
    )


def _known(
    label: Segments, names: Mapping[str, tuple[str, bool]], hidden: Collection[str]
) -> tuple[str, ...]:
    """The classes that are known in all of the image: if all that became one are, and none hidden.

    names: those of relabel; hidden: classes of hidden segments, as the label names them.
    """
    if not label.known:
        return ()
    olds: dict[str, set[str]] = {}
    for old, (new, _) in names.items():
        olds.setdefault(new, set()).add(old)
    sure = set(label.known).difference(hidden)
    new_names = {names[old][0] if old in names else old for old in sure} - {""}
    return tuple(sorted(new for new in new_names if olds.get(new, {new}) <= sure))
