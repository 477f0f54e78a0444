"""A miniature Mid-Air: balls before a wall, one flight in two climates, one of another set, a test.

A twentieth of the real size. Depth is the distance along the ray, float16 in the bits of uint16;
the sky is 1,300 m away, as a dome around the camera is.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vbdata.core.images import encode_jpeg
from vbdata.core.rng import Stream

from .balls import Still, still
from .rgb_png import map_png

SIDE = 48
FLIGHTS = (
    "Kite_test/cloudy/trajectory_3000",
    "Kite_training/foggy/trajectory_2003",
    "Kite_training/sunny/trajectory_0003",
    "PLE_training/fall/trajectory_4001",
)
DOME = 1300.0  # metres


class Shot(NamedTuple):
    """A frame. stored: float16[H, W], the distance as written."""

    flight: str
    name: str
    still: Still
    stored: NDArray[np.float16]


def write(folder: Path, *, seed: int = 0) -> None:
    """Lay out the sets."""
    for shot in truth(seed=seed):
        above, _, flight = shot.flight.rpartition("/")
        files = {
            f"{above}/color_left/{flight}/{shot.name}.JPEG": encode_jpeg(shot.still.rgb),
            f"{above}/depth/{flight}/{shot.name}.PNG": map_png(shot.stored.view(np.uint16)),
        }
        for name, data in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def truth(*, seed: int = 0) -> Iterator[Shot]:
    """The frames by flight and number; one that was flown in two climates shows the same twice."""
    for flight in FLIGHTS:
        for number in range(2):
            stream = Stream(seed, "midair", flight[:4], flight[-3:], number)
            shot = still(stream, SIDE, SIDE, focal=SIDE / 2)
            x = (np.arange(SIDE) - shot.camera[2]) / shot.camera[0]
            y = (np.arange(SIDE)[:, None] - shot.camera[3]) / shot.camera[1]
            distance = shot.depth * np.sqrt(1 + x * x + y * y)
            stored = np.where(np.isfinite(distance), distance, DOME).astype(np.float16)
            yield Shot(flight, f"{number:06d}", shot, stored)
