"""What a plug-in has to have, checked when it is loaded.

A reader (`dataset:` of a source):

    LABELS                          kinds of labels it can yield: those of KINDS
    LICENSE, HOMEPAGE               of the data, texts
    index(root, *, options...)      yields vbdata.core.types.Entry in order of their ids
    load(root, entry, kinds)        a vbdata.core.types.Sample; raises vbdata.errors.BadSample
    index_parts(root, options...)   vbdata.core.types.Part objects in order of their ids, which are
                                    indexed in several processes, None: the whole in one, and
    index_part(root, part, options...)      the entries of one; both may be left out
    index_columns(root, options...) what `index` yields, mostly in Arrow batches of
                                    vbdata.core.entry_columns.COLUMNS; may be left out
    STORED                          how depth and normals are stored, a text for each of
                                    STORED_KEYS, for docs/frames.md; may be left out

A task (`tasks:` of a source):

    NEEDS                           kinds of labels, the drawn one first; "image" is the picture
    BLANK_INPUT                     whether the model is given no picture
    TOLERANCE, UNIT                 largest error of a target's own decoding, a number and its unit
    ARRAYS                          what its functions take, "numpy", "torch" or both; left out,
                                    tensors (vbdata.plugins.tensors)
    PARAMS                          what `decode` uses where none are given; None: must be given
    eligible(columns)               bool[N]: the rows of an index that can serve
    ask(entry, rng, *, vocabulary, options...)      the vbdata.core.types.Ask of a sample
    render(label, params)           the target, uint8 RGB [..., H, W, 3]
    valid(label, params)            bool[..., H, W]: the pixels that count
    decode(rgb, params)             the label of any uint8 RGB [..., H, W, 3], see below
    legal(rgb, params)              bool[..., H, W]: the pixels of a colour that can occur
    roundtrip(label, rgb, params)   the error of a target's own decoding, in UNIT

`decode` is what reports, evaluation and codecs read a target and a model's answer with. It takes
any picture of any size, whatever its colours, and returns a label of the kind NEEDS[0], of the
picture's size: Depth for "depth" and "relative_depth", Normals for "normals", Segments for
"segments", Flow for "flow", Keypoints for "keypoints", Matte for "matte", Linear for "albedo" and
"shading", and for "image" and "edited" the uint8 RGB itself. Its arrays are tensors, or NumPy's
where ARRAYS says that the module takes those. Colours that mean nothing are pixels that are not
valid. The classes of Segments follow from the params alone, in the same order, so that a truth and
an answer can be compared; a task that has "class" in its PARAMS is scored by the instances of that
class instead, one that has a function `corners(rgb, params)` by the boxes that it returns, and one
that says PANOPTIC = True by panoptic quality.

Metric depth is relative depth, too: a reader lists "depth" alone, and a task that needs
"relative_depth" takes either (ENOUGH). Depth of a scale that nobody knows is listed as
"relative_depth", which no task on "depth" takes.

What a decoder must know of the label itself, such as the range that its colours stand for, is no
part of what `ask` knows. A task may have a function for it:

    measured(label, params)         a mapping of JSON values of a label at the sample's size, which
                                    becomes params["measured"] before `render` is called; raises
                                    vbdata.errors.BadSample if the label has no range

Its PARAMS then have "measured": None.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from types import ModuleType
from typing import Any, Final

from vbdata.core.types import Ask
from vbdata.plugins.tensors import arrays_of

KINDS: Final = (
    *("depth", "relative_depth", "normals", "segments", "flow", "keypoints"),
    *("matte", "albedo", "shading"),
    *("expressions", "captions", "edited"),
)
ENOUGH: Final[Mapping[str, str]] = {"relative_depth": "depth"}  # a kind -> one that has all of it
MEASURED: Final = "measured"  # in the params: what a decoder must know of the label itself
STORED_KEYS: Final = ("depth", "unit", "sky", "invalid", "normals")
TRUTHS: Final = "truths"  # several labels of the record's kind, a tuple: one of each annotator
MASKS: Final = "masks"  # of each annotator what the file has, which may overlap: (RLE, crowd) each
DRAWN: Final = (  # what a task can draw
    *("depth", "relative_depth", "normals", "segments", "flow", "keypoints"),
    *("matte", "albedo", "shading", "image", "edited"),
)
MAYBE: Final = ("index_parts", "index_part", "index_columns")  # what a reader may have besides
READER: Final = ("LABELS", "LICENSE", "HOMEPAGE", "index", "load")
TASK: Final = (
    *("NEEDS", "BLANK_INPUT", "eligible", "ask", "render", "valid", "decode", "legal"),
    *("roundtrip", "TOLERANCE", "UNIT", "PARAMS"),
)
# How each function is called: its arguments by place.
CALLED: Final[Mapping[str, int]] = {
    **{"index": 1, "index_parts": 1, "index_part": 2, "index_columns": 1, "load": 3},
    **{"eligible": 1, "ask": 2, "render": 2, "valid": 2, "decode": 2, "legal": 2, "roundtrip": 3},
}


def kind_in(labels: Collection[str], need: str) -> str:
    """Which of an entry's kinds of labels is loaded for a need: itself, or what has all of it.

    "" where the labels have neither.
    """
    return next((kind for kind in (need, ENOUGH.get(need, "")) if kind in labels), "")


def suffice(labels: Collection[str], needs: Iterable[str]) -> bool:
    """Whether kinds of labels have all that a task needs; a picture always has "image"."""
    return all(need == "image" or kind_in(labels, need) for need in needs)


def with_measured(module: Any, label: Any, ask: Ask) -> Ask:
    """What a sample asks, with what its task measures of the label (`measured`) in the params."""
    if not hasattr(module, "measured"):
        return ask
    return replace(ask, params={**ask.params, MEASURED: module.measured(label, ask.params)})


def faults(module: ModuleType, names: tuple[str, ...]) -> list[str]:
    """What a plug-in lacks or has of a wrong form, a text each.

    names: READER or TASK, what its kind has to have.
    """
    missing = [name for name in names if not hasattr(module, name)]
    if missing:
        return [f"it lacks {', '.join(missing)}"]
    found = list(_call_faults(module, names))
    return found + list(_task_faults(module) if names is TASK else _reader_faults(module))


def _call_faults(module: ModuleType, names: tuple[str, ...]) -> Iterator[str]:
    for name in (*names, *(name for name in MAYBE if names is READER and hasattr(module, name))):
        function = getattr(module, name)
        if name not in CALLED:
            continue
        if not callable(function):
            yield f"{name} is no function"
            continue
        signature = inspect.signature(function)
        given = {"vocabulary": ()} if name == "ask" else {}
        try:
            signature.bind(*range(CALLED[name]), **given)
        except TypeError as err:
            more = " and the keyword vocabulary" if given else ""
            yield f"{name}{signature} is called with {CALLED[name]} values{more}: {err}"


def _reader_faults(module: ModuleType) -> Iterator[str]:
    yield from _kind_faults("LABELS", module.LABELS, (*KINDS, TRUTHS, MASKS))
    for name in ("LICENSE", "HOMEPAGE"):
        if not isinstance(getattr(module, name), str) or not getattr(module, name):
            yield f"{name} should be a text, got {getattr(module, name)!r:.80}"
    stored = getattr(module, "STORED", dict.fromkeys(STORED_KEYS, "not said"))
    if (
        not isinstance(stored, Mapping)
        or tuple(stored) != STORED_KEYS
        or not all(isinstance(text, str) and text for text in stored.values())
    ):
        yield f"STORED should be texts for {', '.join(STORED_KEYS)}, got {stored!r:.80}"


def _task_faults(module: ModuleType) -> Iterator[str]:
    yield from _kind_faults("NEEDS", module.NEEDS, ("image", *KINDS))
    if isinstance(module.NEEDS, tuple | list) and module.NEEDS and module.NEEDS[0] not in DRAWN:
        yield f"NEEDS[0] is what is drawn, one of {', '.join(DRAWN)}, got {module.NEEDS[0]!r:.80}"
    if not isinstance(module.BLANK_INPUT, bool):
        yield f"BLANK_INPUT should be True or False, got {module.BLANK_INPUT!r:.80}"
    if not isinstance(module.TOLERANCE, int | float) or not module.TOLERANCE >= 0:
        yield f"TOLERANCE should be a number from 0, got {module.TOLERANCE!r:.80}"
    if not arrays_of(module) or not set(arrays_of(module)) <= {"numpy", "torch"}:
        yield f'ARRAYS should be ("numpy", "torch") or one of them, got {module.ARRAYS!r:.80}'
    if not isinstance(module.UNIT, str):
        yield f"UNIT should be a text, got {module.UNIT!r:.80}"
    try:
        plain = isinstance(module.PARAMS, Mapping) and json.loads(json.dumps(module.PARAMS))
    except (TypeError, ValueError):
        plain = False
    if plain is False:
        yield f"PARAMS should be a mapping of JSON values, got {module.PARAMS!r:.80}"


def _kind_faults(name: str, value: Any, known: tuple[str, ...]) -> Iterator[str]:
    good = isinstance(value, tuple | list) and value and set(map(str, value)) <= set(known)
    if not good:
        yield f"{name} should be a tuple of some of {', '.join(known)}, got {value!r:.80}"
