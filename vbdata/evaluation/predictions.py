"""Answers as RGB images: where they come from, and how they become labels.

An answer is a PNG or JPEG that shows one opaque picture, turned by its EXIF orientation as viewers
turn it. It may have any size. It is decoded at its own size, then its label is brought to the
truth's by nearest neighbour, by the exact integer rule with which builds fit their labels. Edited
images are resampled instead: by area average where they shrink in both directions, bilinearly
otherwise. An answer whose aspect ratio is more than 5 % off is scored in this way, too, and
reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata import plugins
from vbdata.core import images, png_read
from vbdata.core.types import Geometry
from vbdata.errors import BadSample, RecipeError
from vbdata.evaluation.metrics.matching import Instances
from vbdata.evaluation.truth import Row, as_instances, boxes_of, kind_of
from vbdata.storage.folder import Folder

ENDINGS = (".png", ".jpg", ".jpeg")
RECORD = "predict.json"  # in a folder of answers: of what `vbdata predict` made them
ASPECT = 0.05  # relative error of width / height above which an answer counts as stretched

NO_ANSWER = "is no answer: they are named KEY.png, KEY.jpg or KEY.jpeg"

Cause = Literal["missing", "unreadable", "stretched", "twice", "unknown key"]


class Fault(NamedTuple):
    """Something wrong with one answer; key: "" for a file that is named after no sample."""

    key: str
    cause: Cause
    detail: str


# The image of a key; None if there is none; raises BadSample if it cannot be read.
ByKey = Callable[[str], images.Pixels | None]
Answers = ByKey | Iterable[tuple[str, images.Pixels]]
Answered = tuple[str, images.Pixels | Fault]


class PredictionFolder:
    """RGB images named KEY.png, KEY.jpg or KEY.jpeg, directly in a folder or URL.

    A function of a sample's key. May be pickled.
    """

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
            elif file.path != RECORD:
                self.others.append(file.path)

    def __call__(self, key: str) -> images.Pixels | None:
        """The image of a key, uint8 RGB [H, W, 3], or None if there is none.

        Raises BadSample if it cannot be read.
        """
        files = self._files.get(key)
        return answer_of(self.folder.read(files[-1]), files[-1]) if files else None

    def faults(self, keys: Iterable[str]) -> Iterator[Fault]:
        """Files that are named after none of a build's keys, and keys that have several files."""
        strange = sorted(set(self._files) - set(keys))
        for path in self.others + [path for stem in strange for path in self._files[stem]]:
            why = "is named after no sample" if path.lower().endswith(ENDINGS) else NO_ANSWER
            yield Fault("", "unknown key", f"{path} {why}")
        for key, files in self._files.items():
            if len(files) > 1 and key not in strange:
                yield Fault(key, "twice", f"{', '.join(files)}: the last one is scored")


def answer_of(data: bytes, file: str) -> images.Pixels:
    """The picture in a PNG or JPEG as every viewer shows it, uint8 RGB [H, W, 3].

    file: its name, for messages. Raises BadSample if it cannot be read, and for what may mean
    several pictures: an animation, one that is not opaque throughout (what lies behind it would
    show), and 16 bits a channel of which only the lowest 8 are used (they would all be black).
    """
    if data.startswith(images.PNG_MAGIC):
        head, before = png_read.header(data, file), data[: data.find(b"IDAT")]
        if b"acTL" in before:
            raise BadSample("wrong dtype", "an animated PNG; an answer is one picture", file)
        if (head.colour, head.depth) != (2, 8) or b"tRNS" in before:
            _refuse_ambiguous(images.decode_png_raw(data, file), file)
    return images.decode_shown(data, file)


def _refuse_ambiguous(stored: NDArray[np.uint8] | NDArray[np.uint16], file: str) -> None:
    """Raise BadSample for a PNG's samples, [H, W] or [H, W, C], that may be shown otherwise."""
    if stored.ndim == 3 and stored.shape[2] == 4:
        if see_through := int((stored[..., 3] < np.iinfo(stored.dtype).max).sum()):
            detail = f"{see_through} pixels are not opaque; an answer is RGB"
            raise BadSample("wrong dtype", detail, file)
        stored = stored[..., :3]
    if stored.dtype == np.uint16 and 0 < stored.max() < 256:
        detail = f"16 bits a channel, none above {stored.max()}; an answer has 8 bits"
        raise BadSample("out of range", detail, file)


def from_function(answers: ByKey, keys: Iterable[str]) -> Iterator[Answered]:
    """Each key, in order, with its image as a function gives it, or with why there is none."""
    for key in keys:
        try:
            yield key, _checked(key, answers(key))
        except BadSample as err:
            yield key, Fault(key, "unreadable", str(err))


def from_pairs(answers: Iterable[tuple[str, images.Pixels]], keys: list[str]) -> Iterator[Answered]:
    """(key, image) pairs in the caller's order, then the keys that have none, as missing.

    keys: those that are scored. A pair of another key, or of one that came before, is a fault.
    """
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
        got = f"{getattr(image, 'dtype', type(image).__name__)} {np.shape(image)}"
        return Fault(key, "unreadable", f"an answer is uint8 [H, W, 3], got {got}")
    if image.shape[2] != 3 or not image.size:
        return Fault(key, "unreadable", f"an answer is uint8 [H, W, 3], got {image.shape}")
    return image


def stretched(rgb: images.Pixels, row: Row) -> Fault | None:
    """The fault of an answer whose aspect ratio is more than 5 % off the truth's, else None."""
    height, width, _ = rgb.shape
    wanted = row.geometry
    if abs(width * wanted.height / (height * wanted.width) - 1) <= ASPECT:
        return None
    detail = f"{width}x{height}, the truth is {wanted.width}x{wanted.height}"
    return Fault(row.key, "stretched", detail)


def label_of(row: Row, rgb: images.Pixels) -> Any:
    """What the task's decoder reads in an answer, uint8 RGB [H, W, 3], at the truth's size.

    A Label; Instances for instances, Boxes for boxes; for images uint8[H, W, 3].
    """
    kind = kind_of(row.task)
    size = (row.geometry.width, row.geometry.height)
    own = (rgb.shape[1], rgb.shape[0])
    if kind in ("image", "generated"):
        return np.ascontiguousarray(rgb if own == size else _resized(rgb, size))
    rgb = np.ascontiguousarray(rgb)
    if kind == "boxes":
        found = boxes_of(row, rgb, np.ones(rgb.shape[:2], np.bool_))
        return replace(found, corners=found.corners * np.tile(np.divide(size, own), 2))
    label = plugins.task(row.task).decode(rgb, row.params)
    fit = Geometry(source=own, scaled=size, left=0, top=0, width=size[0], height=size[1])
    if kind != "instances":
        return label.fit(fit)
    painted = as_instances(label, rgb, row)
    return painted if own == size else _fitted(painted, fit)


def _fitted(painted: Instances, fit: Geometry) -> Instances:
    return replace(painted, ids=fit.pick(painted.ids), valid=fit.pick(painted.valid))


def _resized(rgb: images.Pixels, size: tuple[int, int]) -> images.Pixels:
    import cv2

    shrinks = size[0] <= rgb.shape[1] and size[1] <= rgb.shape[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, size, interpolation=how), np.uint8)
