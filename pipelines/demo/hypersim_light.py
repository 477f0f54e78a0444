"""What a miniature Hypersim's surfaces reflect, and the light on them, of each pixel's centre."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .caster import cast, rays
from .scene import Truth
from .shading import light
from .solids import dot
from .world import Light

# Light from all sides alone: what comes back is the reflectance times a factor of the normal.
EVEN = Light(position=(0.0, 0.0, 1e3), sun=True, power=(0.0, 0.0, 0.0), ambient=(1.0, 1.0, 1.0))


def intrinsics(shot: Truth) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """Reflectance and illumination, float16[H, W, 3], linear; both 0 where nothing is.

    Their product is the light that the surface at a pixel's centre sends back.
    """
    seen = shot.frame.ids > 0
    camera, even = shot.camera, replace(shot.scene, light=EVEN)
    shown = cast(even, rays(camera), camera.rotation, camera.position).rgb[seen].T
    towards = shot.frame.normals[seen].T
    outward = np.stack([dot(row, towards) for row in camera.rotation])
    points = shot.frame.points[seen].T
    albedo = shown / light(even, points, outward)
    found = []
    for values in (albedo, light(shot.scene, points, outward)):
        whole = np.zeros((*seen.shape, 3))
        whole[seen] = values.T
        found.append(whole.astype(np.float16))
    return found[0], found[1]
