"""Segments under the names that filters give them: places stay, pixels and known classes follow."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vbdata.core.labels import Segments
from vbdata.core.relabel import relabelled
from vbdata.core.types import Entry
from vbdata.errors import BadSample


def segments(*classes: str, known: tuple[str, ...] = ()) -> Segments:
    ids = np.array([list(range(len(classes) + 1))], np.int32)
    flags = (True,) * len(classes)
    return Segments(
        ids=ids,
        classes=classes,
        things=flags,
        crowds=(False,) * len(classes),
        valid=np.ones_like(ids, np.bool_),
        known=known,
    )


def entry(**fields: Any) -> Entry:
    bare = {"id": "a", "group": "a", "width": 4, "height": 1, "license": "", "files": {}}
    return Entry(**bare, labels=("segments",), **fields)


def test_labels_are_relabelled_in_place() -> None:
    label = segments("cat", "dog", "cat")
    assert relabelled(label, entry()) is label
    changed = relabelled(
        label, entry(relabel=(("cat", "pet", True), ("dog", "", False)), hidden=((2, "cat"),))
    )
    assert changed.classes == ("pet", "", "")
    assert changed.ids.tolist() == [[0, 1, 0, 0]]
    assert changed.valid.tolist() == [[True, True, True, False]]
    with pytest.raises(BadSample, match="no 'dog', which min_area leaves out"):
        relabelled(label, entry(hidden=((2, "dog"),)))
    with pytest.raises(BadSample, match="no 'cat', which min_area leaves out"):
        relabelled(label, entry(hidden=((3, "cat"),)))


def test_classes_are_known_in_all_of_a_picture_if_all_that_became_them_are() -> None:
    label = segments("cat", "dog", known=("cat", "dog", "cow"))
    merged = (("cat", "pet", True), ("dog", "pet", True))
    assert relabelled(label, entry(relabel=merged)).known == ("cow", "pet")
    more = (*merged, ("horse", "pet", True))
    assert relabelled(label, entry(relabel=more)).known == ("cow",)
    assert relabelled(label, entry(hidden=((0, "cat"),))).known == ("cow", "dog")
    dropped = (("cat", "", False), ("cow", "ox", True))
    assert relabelled(label, entry(relabel=dropped)).known == ("dog", "ox")
