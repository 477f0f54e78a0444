"""IRS: 103,316 stereo pairs of rendered rooms, with disparity and surface normals of the left view.

Licence: none stated by its authors. Layout, unpacked; places may lie in Home, Office, Restaurant
and Store, and these in IRSDataset, or anywhere:

    Home/ArchVizInterior03Data/l_1.png      960 x 540; r_1.png, the right view, is not read
    Home/ArchVizInterior03Data/d_1.exr      disparity, pixels, one channel
    Home/ArchVizInterior03Data/n_1.exr      normals, R, G, B from 0 to 1
    lists/IRSDataset_TRAIN.list             a line a frame: l, r, d and n, paths below the root

- frames: a list of frames, "" for all that is there. The authors train on IRSDataset_TRAIN.list and
  test on IRSDataset_TEST.list, since some files elsewhere are leftovers of debugging; some maps
  that are listed are of another size than their picture, too: those are quarantined one by one.
  Others are said not to fit their picture (ByteDance-Seed/Depth-Anything-3, issue #77).
- Depth: z = 480 b / d, with the baseline b = 0.1 m (option baseline). "Most of the data" has it,
  say the authors, and not which have not: where it is another, all of a place is too near or too
  far by one factor. Disparity of 0 is not valid.
- Normals: n = 2 v - 1 in OpenCV axes, +x right, +y down, +z forward, facing the camera (inferred
  from the authors' own conversion to points, which turns y and z into OpenGL's, and of disparity to
  normals; no page says it). `vbdata doctor` compares them with those of disparity, which no
  baseline changes. Vectors that face away are not valid; the authors' loader mirrors their z.
- Camera: fx = fy = width / 2 (480), its axis meets the middle, as in the authors' conversion.
- Groups: the place; one by night or day is the same, if its name says so. Lists of train and test
  have frames of the same places, so no holdout can part them.

Nothing of it was seen here: layout and codes are those of the authors' code.

Sources: HKBU-HPML/IRS (README.md, dataloader/IRSLoader.py, dataloader/scripts/disp2pcd.py,
lists/*.list; disp2norm); blackjack2015/IRS, issues #2, #3 and #14; CUT3R (preprocess_irs.py);
Wang et al., "IRS", ICME 2021.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from vbdata.core.types import Download, Entry, Official, Sample
from vbdata.errors import SourceError

from .parts import depth_rules, frame_lists, records, rendered, spans

if TYPE_CHECKING:
    from vbdata.storage.folder import Root

LICENSE = "none stated by its authors"
HOMEPAGE = "https://github.com/HKBU-HPML/IRS"
LABELS = ("depth", "normals")
STORED = {
    "depth": "disparity",
    "unit": "pixels; z = 480 x 0.1 m / value",
    "sky": "none known",
    "invalid": "0",
    "normals": "right, down, forward [inferred]",
}

FRAME = rendered.LAYOUT_ROOT + r"(?P<place>[^/]+)/WHAT_(?P<frame>\d+)"
LAYOUT = {
    "image": re.compile(FRAME.replace("WHAT", "l") + rendered.PICTURE),
    "depth": re.compile(FRAME.replace("WHAT", "d") + r"\.exr"),
    "normals": re.compile(FRAME.replace("WHAT", "n") + r"\.exr"),
}
PAIRS = {"Home": 31_145, "Office": 43_417, "Restaurant": 22_058, "Store": 6_696}
ALL = ""  # the list of what is there
URL = "https://drive.google.com/drive/folders/1s6zUHkyQdCfxIq4OVzCp1CI6-_e4kGtu"
BASELINE = 0.1  # metres
FARTHEST = 10.0  # metres that two eyes of a robot may be apart
TIMES = re.compile(r"_?(?:NightFall|Night|Day|Dusk|Dark)$")
NORMALS = {"frame": ["right", "down", "forward"], "coding": "unsigned"}


def index(
    root: Root,
    *,
    frames: str = ALL,
    baseline: float = BASELINE,
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Iterator[Entry]:
    """The left views by place and number.

    frames: the path of a list, such as lists/IRSDataset_TRAIN.list, "" for all; baseline: metres
    between the views; min_rgb_range, max_invalid, min_depth_range: parts/depth_rules.py. Raises
    SourceError if there are none.
    """
    asked = depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    metres = _metres(baseline)
    return depth_rules.kept(_all(root, frames, metres), root, load, asked)


index_parts, index_part = spans.parts(index)


def load(root: Root, entry: Entry, kinds: Collection[str]) -> Sample:
    """The bytes of the picture's file as they are, its depth and normals. Raises BadSample."""
    return rendered.load(root, entry, kinds)


def official(
    *,
    frames: str = ALL,
    baseline: float = BASELINE,
    min_rgb_range: float = 0,
    max_invalid: float = 1,
    min_depth_range: float = 0,
) -> Official:
    """The release, a folder for each kind of place; how long its lists are is not published."""
    depth_rules.rules(min_rgb_range, max_invalid, min_depth_range)
    _metres(baseline)
    downloads = (
        Download(path=name, archive="", url=URL, also=(f"IRSDataset/{name}",)) for name in PAIRS
    )
    entries = None if frames else sum(PAIRS.values())
    return Official(entries=entries, downloads=tuple(downloads))


def doubts(root: Root, entries: Sequence[Entry]) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Range of depth, and the axes of normals by those of depth: (ok or warn, text, remedies)."""
    yield from rendered.doubts(root, entries)


def _metres(value: Any) -> float:
    number = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    if not number or not 0 < value <= FARTHEST:
        raise SourceError(f"baseline: {value!r} is not a number of metres, up to {FARTHEST:g}")
    return float(value)


def _all(root: Root, frames: str, baseline: float) -> Iterator[Entry]:
    sizes = records.sizes(root, "")
    shown = {tuple(f.parts.values()): f for f in rendered.frames(sizes, LAYOUT)}
    if frames:
        shown = {key: shown.get(key, _lost(key)) for key in _listed(root, frames)}
    if not shown:
        example = {"image": "Home/PLACE/l_1.png", "disparity": "Home/PLACE/d_1.exr"}
        raise rendered.nothing(root, example)
    coding = {"kind": "disparity", "scale": 1, "baseline": baseline}
    drafts = (_draft(frame, sizes) for frame in shown.values())
    yield from rendered.completed(
        root,
        drafts,
        lambda entry: rendered.coded(
            entry, rendered.centred(entry, entry.width / 2), depth=coding, normals=NORMALS
        ),
    )


def _listed(root: Root, path: str) -> list[tuple[str, ...]]:
    """Place and number of the left views of a list. Raises SourceError."""
    found = []
    for words in frame_lists.rows(root, path, "which frames are read"):
        match = LAYOUT["image"].fullmatch(words[0])
        if match is None:
            raise SourceError(f"{root.url}: {path}: {words[0]!r:.80} is no PLACE/l_1.png")
        found.append((match["place"], match["frame"]))
    return list(dict.fromkeys(found))


def _lost(key: tuple[str, ...]) -> rendered.Frame:
    return rendered.Frame({"place": key[0], "frame": key[1]}, {})


def _draft(frame: rendered.Frame, sizes: dict[str, int]) -> Entry:
    place, number = frame.parts.values()
    above = f"{next(iter(frame.files.values()), f'{place}/').rpartition('/')[0]}"
    expected = {
        "image": f"{above}/l_{number}.png",
        "depth": f"{above}/d_{number}.exr",
        "normals": f"{above}/n_{number}.exr",
    }
    group = f"irs:{TIMES.sub('', place)}"
    return rendered.entry(f"{place}/{number}", group, LICENSE, LABELS, frame, sizes, expected)
