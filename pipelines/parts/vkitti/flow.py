"""Virtual KITTI 2's forward flow: 16-bit RGB, its vectors as shares of the image's size.

R and G are the flow to the right and down, in [-1, 1] of width - 1 and height - 1, as whole numbers
from 0 to 65535; B is 0 where there is none, such as in the sky (the download page's text). A step
is 2 / 65535 of the size, 0.038 pixels across and 0.011 down in the official one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vbdata.core import images
from vbdata.core.labels import Flow
from vbdata.errors import BadSample

from .. import records

if TYPE_CHECKING:
    from vbdata.core.types import Entry
    from vbdata.storage.folder import Root

MOST = (1 << 16) - 1


def read(root: Root, entry: Entry) -> Flow:
    """The flow of an entry to its next frame, in pixels. Raises BadSample."""
    path = entry.files["flow"].path
    stored = images.decode_png_raw(records.read(root, entry, "flow"), path)
    if stored.dtype != np.uint16 or stored.ndim != 3 or stored.shape[2] != 3:
        what = f"flow is {stored.dtype} of shape {stored.shape}"
        raise BadSample("wrong dtype", f"{what}, expected 16-bit RGB", path)
    records.check_size(stored.shape, entry, path)
    valid = stored[..., 2] > 0
    if not valid.any():
        raise BadSample("all invalid", "no pixel has a vector", path)
    size = np.array([entry.width - 1, entry.height - 1], np.float64)
    uv = (2.0 / MOST * stored[..., :2] - 1) * size
    uv[~valid] = 0
    return Flow(uv=np.moveaxis(uv, -1, 0).astype(np.float32), valid=valid)
