"""Answers as painted images: where they come from, and how they become labels.

An answer may have any size. It is decoded at its own, and the label is brought to the truth's size
by nearest neighbour, the exact integer rule by which a build fits its labels; edited images are
resampled by area average where they shrink and bilinearly else. An aspect ratio more than 5 % off
is scored so too, and reported as stretched.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np

from vbdata import plugins
from vbdata.core import images
from vbdata.core.types import Geometry
from vbdata.errors import BadSample, RecipeError
from vbdata.evaluation.metrics.matching import Instances
from vbdata.evaluation.truth import Row, as_instances, kind_of
from vbdata.storage.folder import Folder

ENDINGS = (".png", ".jpg", ".jpeg")
ASPECT = 0.05

Cause = Literal["missing", "unreadable", "stretched", "twice", "unknown key"]


class Fault(NamedTuple):
    """Something wrong with one answer."""

    key: str
    cause: Cause
    detail: str


# By key; None or BadSample: there is none, or none that can be read.
ByKey = Callable[[str], images.Pixels | None]
Answers = ByKey | Iterable[tuple[str, images.Pixels]]
Answered = tuple[str, images.Pixels | Fault]


class PredictionFolder:
    """RGB images named KEY.png, KEY.jpg or KEY.jpeg directly in a folder or URL. Picklable."""

    def __init__(self, url: str) -> None:
        """List the folder once. Raises RecipeError if there is no such folder."""
        self.folder = Folder(url)
        if not self.folder.exists():
            raise RecipeError([f"--predictions {url}: no such folder"])
        self._files: dict[str, list[str]] = {}
        self.others: list[str] = []
        for file in self.folder.files():
            stem, dot, ending = file.path.rpartition(".")
            if "/" not in file.path and f"{dot}{ending}".lower() in ENDINGS:
                self._files.setdefault(stem, []).append(file.path)
            else:
                self.others.append(file.path)

    def __call__(self, key: str) -> images.Pixels | None:
        """The image of a key, None if there is none. Raises BadSample if it cannot be read."""
        files = self._files.get(key)
        return images.decode_rgb(self.folder.read(files[-1]), files[-1]) if files else None

    def faults(self, known: Iterable[str]) -> Iterator[Fault]:
        """Files that answer no sample of the build, and keys that are answered twice."""
        strange = sorted(set(self._files) - set(known))
        for path in self.others + [path for stem in strange for path in self._files[stem]]:
            yield Fault("", "unknown key", f"{path} is named after no sample")
        for key, files in self._files.items():
            if len(files) > 1 and key not in strange:
                yield Fault(key, "twice", f"{', '.join(files)}: the last one is scored")


def by_key(answers: ByKey, keys: Iterable[str]) -> Iterator[Answered]:
    """Each key's image, or why there is none."""
    for key in keys:
        try:
            yield key, _checked(key, answers(key))
        except BadSample as err:
            yield key, Fault(key, "unreadable", str(err))


def as_given(answers: Iterable[tuple[str, images.Pixels]], keys: list[str]) -> Iterator[Answered]:
    """Pairs in the order of the caller; then the keys that none was given for."""
    left = dict.fromkeys(keys)
    wanted = set(keys)
    for key, image in answers:
        if key not in wanted:
            yield key, Fault(key, "unknown key", f"{key!r} is no sample that is scored")
        elif key not in left:
            yield key, Fault(key, "twice", "the first one is scored")
        else:
            del left[key]
            yield key, _checked(key, image)
    for key in left:
        yield key, _checked(key, None)


def _checked(key: str, image: Any) -> images.Pixels | Fault:
    if image is None:
        return Fault(key, "missing", "no answer")
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 3:
        found = f"{getattr(image, 'dtype', type(image).__name__)} {np.shape(image)}"
        return Fault(key, "unreadable", f"an answer is uint8 [H, W, 3], got {found}")
    if image.shape[2] != 3 or not image.size:
        return Fault(key, "unreadable", f"an answer is uint8 [H, W, 3], got {image.shape}")
    return image


def stretched(rgb: images.Pixels, row: Row) -> Fault | None:
    """What to say of an answer whose aspect ratio is not the truth's."""
    height, width, _ = rgb.shape
    wanted = row.geometry
    if abs(width * wanted.height / (height * wanted.width) - 1) <= ASPECT:
        return None
    detail = f"{width}x{height}, the truth is {wanted.width}x{wanted.height}"
    return Fault(row.key, "stretched", detail)


def label_of(row: Row, rgb: images.Pixels) -> Any:
    """What the task's decoder reads in an answer, at the truth's size."""
    import torch

    kind, wanted = kind_of(row.task), row.geometry
    size = (wanted.width, wanted.height)
    found = (rgb.shape[1], rgb.shape[0])
    if kind in ("image", "generated"):
        return torch.from_numpy(np.ascontiguousarray(rgb if found == size else _resized(rgb, size)))
    rgb = np.ascontiguousarray(rgb)
    label = plugins.task(row.task).decode(torch.from_numpy(rgb), row.params)
    fit = Geometry(source=found, scaled=size, left=0, top=0, width=size[0], height=size[1])
    if kind != "instances":
        return label.fit(fit)
    painted = as_instances(label, rgb, row)
    return painted if found == size else _fitted(painted, fit)


def _fitted(one: Instances, fit: Geometry) -> Instances:
    import torch

    ids, valid = (fit.pick(torch.from_numpy(part)).numpy() for part in (one.ids, one.valid))
    return replace(one, ids=ids, valid=valid)


def _resized(rgb: images.Pixels, size: tuple[int, int]) -> images.Pixels:
    import cv2

    shrinks = size[0] <= rgb.shape[1] and size[1] <= rgb.shape[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, size, interpolation=how), np.uint8)
