"""Answers to the queries of a benchmark: pictures by key, decoded at the source's size, and merged.

A folder of answers has KEY.png, KEY.jpg or KEY.jpeg, as for `vbdata eval`. A query has several if
its build asks it in several votes (each with a key, and a legend of its own), if several folders
are given, or if a folder has subfolders vote-0, vote-1 and on. They are decoded one by one and
merged pixel by pixel:

    depth      the median of the metres, of an even number the mean of the middle two
    normals    the direction of the sum of the unit vectors
    classes    the task's own `vote`, by the classes' names
    regions    painted if more than half of the answers that are valid there are

Instances cannot be merged by pixel, as each answer numbers them in its own way.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from vbdata import plugins
from vbdata.bench.rows import Query
from vbdata.core import images
from vbdata.core.labels import Depth, Normals, Segments
from vbdata.errors import BadSample, RecipeError
from vbdata.evaluation.predictions import Fault, PredictionFolder, label_of, stretched
from vbdata.evaluation.truth import Row
from vbdata.manifest.opened import Build
from vbdata.storage.folder import Folder

VOTE = re.compile(r"vote-\d{1,4}")

ByKey = Callable[[str], images.Pixels | None]


class Answers:
    """The answers of one or several folders; may be pickled. sets: a function of a key for each."""

    def __init__(self, sets: Sequence[ByKey]) -> None:
        self.sets = tuple(sets)

    @classmethod
    def of(cls, folders: Iterable[str]) -> Answers:
        """List some folders, or their vote-0 and on. Raises RecipeError for one not there."""
        return cls([PredictionFolder(url) for folder in folders for url in _votes(folder)])

    def pictures(self, row: Row) -> Iterator[images.Pixels | Fault]:
        """The answers to a row, in the order of the folders, or what is wrong with each."""
        for answers in self.sets:
            try:
                picture = answers(row.key)
                yield Fault(row.key, "missing", "no answer") if picture is None else picture
            except BadSample as err:
                yield Fault(row.key, "unreadable", str(err))

    def strangers(self, keys: Iterable[str]) -> Iterator[Fault]:
        """Files that are named after no key, and keys that a folder has twice."""
        known = list(keys)
        for answers in self.sets:
            if isinstance(answers, PredictionFolder):
                yield from answers.faults(known)


class Targets:
    """The build's own targets as answers, a function of a key: what its encoding costs."""

    def __init__(self, build: Build) -> None:
        self._build = build

    def __call__(self, key: str) -> images.Pixels:
        """The target of a sample, uint8 RGB [H, W, 3]. Raises BadSample if it is damaged."""
        return self._build[key].target


def answer_to(query: Query, answers: Answers) -> tuple[Any, list[Fault]]:
    """The merged label of all answers to a query, None without any, and what is wrong with them.

    Raises RecipeError if there are several and they cannot be merged.
    """
    labels, faults = list[Any](), list[Fault]()
    for row in query.votes:
        for picture in answers.pictures(row):
            if isinstance(picture, Fault):
                faults.append(picture)
                continue
            faults += [fault] if (fault := stretched(picture, row)) else []
            labels.append(label_of(row, picture))
    return (merged(query, labels) if labels else None), faults


def merged(query: Query, labels: Sequence[Any]) -> Any:
    """One label of several of the same query and size. Raises RecipeError if there is no way."""
    first = labels[0]
    if len(labels) == 1:
        return first
    if isinstance(first, Depth):
        return _median(labels)
    if isinstance(first, Normals):
        return _mean_direction(labels)
    vote = getattr(plugins.task(query.task), "vote", None)
    if vote is not None and isinstance(first, Segments):
        return vote(labels)
    if isinstance(first, Segments):
        return _majority(labels)
    raise RecipeError([f"{query.task}: answers of several votes cannot be merged by pixel"])


def _median(labels: Sequence[Depth]) -> Depth:
    metres = np.stack([np.asarray(label.metres) for label in labels])
    valid = np.stack([np.asarray(label.valid) for label in labels])
    some = valid.any(0)
    # where no answer is a colour of the palette, all count as their nearest code, as one would
    known = np.where(valid | ~some, metres, np.nan)
    return Depth(metres=_nanmedian(known).astype(np.float32), valid=some)


def _nanmedian(stack: Any) -> Any:
    """The median along the first axis; infinities are the largest, and of two of them inf."""
    ranked = np.sort(stack, axis=0)  # NaN last
    count = (~np.isnan(stack)).sum(0)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    high = np.minimum(high, np.maximum(count - 1, 0))
    pick = [np.take_along_axis(ranked, place[None], 0)[0] for place in (low, high)]
    with np.errstate(invalid="ignore"):
        return np.where(pick[0] == pick[1], pick[0], (pick[0] + pick[1]) / 2)


def _mean_direction(labels: Sequence[Normals]) -> Normals:
    valid = np.stack([np.asarray(label.valid) for label in labels])
    some = valid.any(0)
    weight = (valid | ~some).astype(np.float32)
    total = sum(np.asarray(one.xyz) * w for one, w in zip(labels, weight, strict=True))
    length = np.sqrt(np.square(total).sum(0))
    unit = np.where(length > 0, total / np.maximum(length, 1e-12), np.asarray(labels[0].xyz))
    return Normals(xyz=unit.astype(np.float32), valid=some, sky=~some)


def _majority(labels: Sequence[Segments]) -> Segments:
    """Of Segments with one region each: where most of the valid answers paint it."""
    valid = np.stack([np.asarray(label.valid) for label in labels])
    painted = np.stack([np.asarray(label.ids) > 0 for label in labels]) & valid
    ids = (2 * painted.sum(0) > valid.sum(0)).astype(np.int32)
    return replace(labels[0], ids=ids, valid=valid.any(0))


def _votes(folder: str) -> list[str]:
    listed = Folder(folder)
    if not listed.exists():
        raise RecipeError([f"{folder}: no such folder of answers"])
    tops = {file.path.partition("/")[0] for file in listed.files() if "/" in file.path}
    votes = sorted((name for name in tops if VOTE.fullmatch(name)), key=lambda n: int(n[5:]))
    return [f"{folder.rstrip('/')}/{name}" for name in votes] or [folder]
