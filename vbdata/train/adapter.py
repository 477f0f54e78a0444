"""What the loop asks of a model: encode an image, encode texts, predict, decode.

A kind of model is a module with `Options`, a pydantic model of its keys in the config, and
`make(options) -> Editor`. The file name is the kind: `model.py` beside this file is "flow", all
others are files below `adapters/`. Released, Seeing, Tabled, Timed and Tempering are what an editor
may be beside: it is asked for by isinstance, so having the method is enough.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from torch import Tensor, device, nn

from vbdata.errors import RecipeError, choices

FLOW = "flow"


@dataclass(frozen=True, slots=True)
class Condition:
    """What x is predicted from. reference: as encode_image gives it; known: bool[B], where False
    the reference is blank; text: whatever encode_text gives; rgb: the reference's pixels,
    float32[B, 3, H, W] in -1..1, which only Seeing models need.
    """

    reference: Tensor
    known: Tensor
    text: Any
    rgb: Tensor | None = None


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


@runtime_checkable
class Released(Protocol):
    """A model that is read from files. digest: SHA-256 of those that it uses."""

    @property
    def digest(self) -> str:
        """In hexadecimal digits."""
        ...


@runtime_checkable
class Seeing(Protocol):
    """A model whose text encoder looks at the reference, too."""

    def encode_seen_text(self, texts: Sequence[str], rgb: Tensor, known: Tensor) -> Any:
        """As encode_text, each text beside its picture, float32[B, 3, H, W], where it is known."""
        ...


@runtime_checkable
class Tabled(Protocol):
    """A model that can encode all texts once, without weights that are trained."""

    def text_table(
        self, texts: Sequence[str], where: device
    ) -> Callable[[NDArray[np.int64], Tensor], Any]:
        """A function of rows, here and as a tensor `where`: what encode_text gives for those texts,
        bit for bit, made on the device alone.
        """
        ...


@runtime_checkable
class Timed(Protocol):
    """A model with a schedule of its own."""

    def times(self, steps: int, shape: Sequence[int]) -> list[float]:
        """Where a sampler of several steps stops on x of a shape: t < 1, rising. The first need not
        be 0: the noise is then taken for a z of that time.
        """
        ...


@runtime_checkable
class Tempering(Protocol):
    """A model whose own pipeline changes what guidance gives."""

    def tempered(self, z: Tensor, x: Tensor, plain: Tensor) -> Tensor:
        """x after guidance, made from z, where `plain` is the prediction without."""
        ...


def conditioned(
    editor: Editor, rgb: Tensor, known: Tensor, texts: Sequence[str], text: Any = None
) -> Condition:
    """Encode reference pictures, float32[B, 3, H, W] in -1..1, and texts unless `text` is there."""
    found = Condition(editor.encode_image(rgb), known, text, rgb)
    return found if text is not None else reworded(editor, found, texts)


def reworded(editor: Editor, condition: Condition, texts: Sequence[str]) -> Condition:
    """The same reference with other texts. Seeing models need a condition with `rgb`."""
    if isinstance(editor, Seeing):
        assert condition.rgb is not None, "this model's text encoder looks at the pixels"
        text = editor.encode_seen_text(texts, condition.rgb, condition.known)
    else:
        text = editor.encode_text(texts, condition.reference.device)
    return replace(condition, text=text)


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
