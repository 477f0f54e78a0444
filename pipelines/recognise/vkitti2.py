"""Virtual KITTI 2: frames of scenes and variations, and their text files."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vbdata.sources.found import Found
from vbdata.sources.glimpse import Glimpse

from ..vkitti2 import DRIVES, TURNED, WEATHER
from .parts.places import NOT_COUNTED, OFFICIAL, ROOT, by_root, counted, others

RANK = OFFICIAL
FILE = re.compile(
    ROOT + r"(?:(?:vkitti_2\.0\.3_)?(?:rgb|depth|classSegmentation|instanceSegmentation|textgt)/)?"
    rf"(?P<scene>Scene\d\d)/(?P<variation>{'|'.join((*WEATHER, *TURNED))})/(?:frames/(?P<what>\w+)/"
    r"Camera_(?P<camera>[01])/\w+\.\w+|(?P<text>\w+)\.txt)",
    re.IGNORECASE,
)
ALL = "classes: all names roads and trees, too; indexing opens two images a frame"


def recognised(glimpse: Glimpse) -> Iterator[Found]:
    """The scenes that are there, in the variations of weather if there are any."""
    for root, matches in by_root(glimpse.paths, FILE).items():
        scenes = sorted({m["scene"] for m in matches if m["scene"] in DRIVES and m["what"]})
        there = {match["variation"] for match in matches if match["what"]}
        wanted = [name for name in WEATHER if name in there] or sorted(there)
        kinds = {(match["what"] or match["text"]).lower() for match in matches}
        frames = [m for m in matches if m["what"] and m["variation"] in wanted]
        count = sum(match["what"].lower() == "rgb" for match in frames)
        labels = ("depth",) * ("depth" in kinds)
        labels += ("normals",) * ({"depth", "intrinsic"} <= kinds)
        labels += ("segments",) * ({"classsegmentation", "colors"} <= kinds)
        listed = {"info", "bbox"} <= kinds
        if not count or not scenes or not labels:
            continue
        yield Found(
            root=root,
            about=f"Virtual KITTI 2: {counted(count, 'frame')} of {counted(len(scenes), 'scene')}",
            count=count,
            labels=labels,
            options={
                **({} if len(scenes) == len(DRIVES) else {"scenes": scenes}),
                **({} if wanted == list(WEATHER) else {"variations": wanted}),
                **({} if listed else {"classes": "all"}),
            },
            unfit=() if listed else NOT_COUNTED,
            notes=(*others("variations", "", there - set(wanted)), *(ALL,) * listed),
            files=frozenset(match[0] for match in matches),
        )
