"""What a task's `decode` has to return: a label of its kind, with arrays of the picture's size.

A decoder of one's own is tried on a black picture when it is loaded, and what it returns is looked
at each time that it is used; vbdata.plugins.contract has the rest of what a task must have.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any, Final

import numpy as np

from vbdata.core.labels import Depth, Flow, Keypoints, Linear, Matte, Normals, Segments
from vbdata.errors import CodecError
from vbdata.plugins.tensors import arrays_of

LABELS_OF: Final[Mapping[str, type]] = {
    "depth": Depth,
    "relative_depth": Depth,
    "normals": Normals,
    "segments": Segments,
    "flow": Flow,
    "keypoints": Keypoints,
    "matte": Matte,
    "albedo": Linear,
    "shading": Linear,
}
PARTS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {  # arrays of a label, and their dtypes
    "depth": (("metres", "float"), ("valid", "bool")),
    "relative_depth": (("metres", "float"), ("valid", "bool")),
    "normals": (("xyz", "float"), ("valid", "bool"), ("sky", "bool")),
    "segments": (("ids", "int"), ("valid", "bool")),
    "flow": (("uv", "float"), ("valid", "bool")),
    "keypoints": (("valid", "bool"),),
    "matte": (("alpha", "uint8"), ("valid", "bool")),
    "albedo": (("rgb", "float"), ("valid", "bool")),
    "shading": (("rgb", "float"), ("valid", "bool")),
}
CHANNELS: Final[Mapping[str, int]] = {
    "xyz": 3,
    "uv": 2,
    "rgb": 3,
}  # of arrays that have more than one
PROBED: Final = (32, 48)  # height and width of the black picture that a decoder is tried on


def probed(module: ModuleType, numpy: bool) -> str:
    """What is wrong with what a task's decoder makes of a black picture; "" if nothing is.

    numpy: whether its functions take NumPy's arrays. Tasks whose params must be given are not
    tried: `CheckedTask` looks at each picture that they decode.
    """
    if any(value is None for value in module.PARAMS.values()):
        return ""
    rgb: Any = np.zeros((*PROBED, 3), np.uint8)
    if not numpy:
        import torch

        rgb = torch.from_numpy(rgb)
    try:
        found = module.decode(rgb, dict(module.PARAMS))
    except Exception as err:  # noqa: BLE001 (whatever foreign code raises is what it cannot do)
        return f"decode of a black picture raised {type(err).__name__}: {err!s:.200}"
    return decoded_fault(module.NEEDS[0], found, PROBED)


def decoded_fault(kind: str, found: Any, size: tuple[int, ...]) -> str:
    """What is wrong with a decoded label, "" if nothing is.

    kind: of label, NEEDS[0] of its task; size: (..., height, width) of the decoded picture.
    """
    wanted = LABELS_OF.get(kind)
    if wanted is None:
        return _array_fault("decode returned", found, "uint8", (*size, 3), f"the RGB, as {kind}")
    if not isinstance(found, wanted):
        return (
            f"decode returned {type(found).__name__}, expected vbdata.core.labels.{wanted.__name__}"
            f", since NEEDS[0] is {kind!r}"
        )
    for name, dtype in PARTS[kind]:
        several = (CHANNELS[name],) if name in CHANNELS else ()
        shape = (*size[:-2], *several, *size[-2:])
        about = f"decode returned {wanted.__name__} whose {name} is"
        if fault := _array_fault(about, getattr(found, name), dtype, shape, "of the picture"):
            return fault
    if isinstance(found, Segments) and not (
        len(found.classes) == len(found.things) == len(found.crowds)
    ):
        return (
            f"decode returned Segments of {len(found.classes)} classes, {len(found.things)} things "
            f"and {len(found.crowds)} crowds: there is one of each for a segment"
        )
    return _keypoints_fault(found) if isinstance(found, Keypoints) else ""


def _keypoints_fault(found: Keypoints) -> str:
    count, joints = len(found.points), len(found.names)
    shapes = {
        **{"points": ("float", (count, joints, 2)), "visible": ("int8", (count, joints))},
        **{"boxes": ("float", (count, 4)), "areas": ("float", (count,))},
        "crowds": ("bool", (count,)),
    }
    for name, (dtype, shape) in shapes.items():
        what = f"{count} persons of {joints} joints"
        about = f"decode returned Keypoints whose {name} is"
        if fault := _array_fault(about, getattr(found, name), dtype, shape, what):
            return fault
    return ""


def _array_fault(about: str, array: Any, dtype: str, shape: tuple[int, ...], what: str) -> str:
    got = getattr(array, "dtype", None)
    if got is None:
        return f"{about} {type(array).__name__}, expected an array of {dtype}, {what}"
    name = str(got).removeprefix("torch.")
    if not name.startswith(dtype) or tuple(array.shape) != shape:
        wanted = f"{dtype}{list(shape)}, {what}"
        return f"{about} {name}{list(array.shape)}, expected {wanted}"
    return ""


class CheckedTask(ModuleType):
    """A task of one's own, whose decoder is looked at: what it returns is what its kind asks for.

    Whatever its module has, this has as well. `decode`, and `exact` where there is one, raise
    CodecError for a label of another type, size or dtype.
    """

    def __init__(self, module: ModuleType, name: str) -> None:
        super().__init__(module.__name__, module.__doc__)
        self.ARRAYS = arrays_of(module)
        self._module, self._task = module, name

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        if name in ("decode", "exact"):
            return _checking(self._task, self._module.NEEDS[0], found)
        return found


def _checking(task: str, kind: str, decode: Callable[..., Any]) -> Callable[..., Any]:
    def checked(rgb: Any, params: Mapping[str, Any]) -> Any:
        found = decode(rgb, params)
        if fault := decoded_fault(kind, found, tuple(rgb.shape[:-1])):
            raise CodecError(f"task {task!r}: {fault}; vbdata/plugins/contract.py has the contract")
        return found

    return checked
