"""What the loop asks of a model: encode an image, encode texts, predict, decode.

A kind of model is a module with `Options`, a pydantic model of its keys in the config, and
`make(options) -> Editor`. The file name is the kind: `model.py` beside this file is "flow", all
others are files below `adapters/`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError
from torch import Tensor, device, nn

from vbdata.errors import RecipeError, choices

FLOW = "flow"


@dataclass(frozen=True, slots=True)
class Condition:
    """What x is predicted from. reference: as encode_image gives it; known: bool[B], where False
    the reference is blank; text: whatever encode_text gives.
    """

    reference: Tensor
    known: Tensor
    text: Any


class Editor(Protocol):
    """A model. module: what is trained, float32; the loop may put a wrapper in its place.

    multiple_of: what widths and heights must be a multiple of, in pixels; blocks: the parts of
    the module that are sharded and recomputed one by one.
    """

    module: nn.Module
    multiple_of: int
    blocks: Sequence[nn.Module]

    def encode_image(self, rgb: Tensor) -> Tensor:
        """float32[B, 3, H, W] in -1..1 to the space in which x is predicted, [B, C, h, w]."""
        ...

    def encode_text(self, texts: Sequence[str], where: device) -> Any:
        """Whatever `predict` wants; "" means no text."""
        ...

    def predict(self, z: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """x, shaped like z; t: float32[B], 0 = noise. Goes through `module`'s forward."""
        ...

    def decode(self, x: Tensor) -> Tensor:
        """Back to float32[B, 3, H, W] in -1..1."""
        ...


def kinds() -> list[str]:
    """All kinds of models."""
    files = (Path(__file__).parent / "adapters").glob("[!_]*.py")
    return [FLOW, *sorted(file.stem for file in files)]


def make_editor(model: Mapping[str, Any]) -> Editor:
    """The model of a config's `model:`. Raises RecipeError."""
    kind = str(model.get("kind", FLOW))
    if kind not in kinds():
        raise RecipeError([f"model.kind: unknown kind {kind!r}{choices(kind, kinds())}"])
    name = "vbdata.train.model" if kind == FLOW else f"vbdata.train.adapters.{kind}"
    module = importlib.import_module(name)
    given = {key: value for key, value in model.items() if key != "kind"}
    known = module.Options.model_fields
    faults = [f"model.{k}: unknown key{choices(k, known)}" for k in given if k not in known]
    try:
        options = module.Options.model_validate({k: v for k, v in given.items() if k in known})
    except ValidationError as err:
        faults += [f"model.{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in err.errors()]
    if faults:
        raise RecipeError(faults)
    editor: Editor = module.make(options)
    return editor
