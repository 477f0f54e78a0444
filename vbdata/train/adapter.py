"""What the training loop needs of a model: encode images and texts, predict, decode.

A kind of model is a module with `Options`, a pydantic model of its keys in the config, and
`make(options) -> Editor`. The file's name is the kind: `model.py` beside this file is "flow", all
others are files of `adapters/`. The protocols after Editor are optional abilities. They are checked
with isinstance, so it is enough that an editor has the method.
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
    """What x is predicted from, beside z and t.

    reference: [B, C, h, w], from encode_image; known: bool[B], False where the row has no
    reference; text: from encode_text; rgb: the reference's pixels, float32[B, 3, H, W] in -1..1,
    which only a ReadsReference needs.
    """

    reference: Tensor
    known: Tensor
    text: Any
    rgb: Tensor | None = None


class Editor(Protocol):
    """A model that predicts a picture x from noise, a reference picture and a text.

    module: what is trained, in float32; the loop may replace it by a wrapper. multiple_of: widths
    and heights must be multiples of this, in pixels. blocks: the submodules that are sharded,
    compiled and recomputed one by one.
    """

    module: nn.Module
    multiple_of: int
    blocks: Sequence[nn.Module]

    def encode_image(self, rgb: Tensor) -> Tensor:
        """Map float32[B, 3, H, W] in -1..1 to the space in which x is predicted, [B, C, h, w]."""
        ...

    def encode_text(self, texts: Sequence[str], where: device) -> Any:
        """Encode B texts on a device, in any form that `predict` takes; "" means no text."""
        ...

    def predict(self, z: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Predict x, shaped like z, [B, C, h, w]; t: float32[B], 0 = pure noise, 1 = the picture.

        Calls `module` itself, not its submodules, so that wrappers (DDP, FSDP) take part.
        """
        ...

    def decode(self, x: Tensor) -> Tensor:
        """Map x, [B, C, h, w], back to float32[B, 3, H, W] in -1..1 (not clipped)."""
        ...


@runtime_checkable
class Released(Protocol):
    """A model whose weights are read from files."""

    @property
    def digest(self) -> str:
        """SHA-256 of all files that the model uses, in hexadecimal."""
        ...


@runtime_checkable
class ReadsReference(Protocol):
    """A model whose text encoder reads the reference's pixels, too."""

    def encode_text_with_reference(self, texts: Sequence[str], rgb: Tensor, known: Tensor) -> Any:
        """Encode B texts for `predict`, each together with its reference where `known` is True.

        rgb: float32[B, 3, H, W] in -1..1; known: bool[B]. Asked in place of encode_text.
        """
        ...


@runtime_checkable
class HasTextTable(Protocol):
    """A model that can encode all texts of a run once, because no trained weight takes part."""

    def text_table(
        self, texts: Sequence[str], where: device
    ) -> Callable[[NDArray[np.int64], Tensor], Any]:
        """Encode texts once; return a function that gives the encodings of some of them.

        Its arguments are the texts' numbers, int64[B], as an array and again as a tensor on the
        device `where`, so that nothing has to be copied. Its result is bit for bit that of
        encode_text.
        """
        ...


@runtime_checkable
class HasSchedule(Protocol):
    """A model with a noise schedule of its own."""

    def times(self, steps: int, shape: Sequence[int]) -> list[float]:
        """The times of a sampler of several steps, for x of a shape: rising, 0 <= t < 1.

        The first may be above 0: the noise is then used as the z of that time.
        """
        ...


@runtime_checkable
class AdjustsGuidance(Protocol):
    """A model whose released pipeline changes the result of classifier-free guidance."""

    def adjust_guidance(self, z: Tensor, x: Tensor, plain: Tensor) -> Tensor:
        """Change x, the guided prediction from z; `plain` is the prediction without guidance.

        All three are [B, C, h, w].
        """
        ...


def conditioned(
    editor: Editor, rgb: Tensor, known: Tensor, texts: Sequence[str], text: Any = None
) -> Condition:
    """Encode references and texts as a condition.

    rgb: float32[B, 3, H, W] in -1..1; known: bool[B], False where a row has no reference; texts: B
    of them, which are not encoded if `text`, their encoding, is given.
    """
    condition = Condition(editor.encode_image(rgb), known, text, rgb)
    return condition if text is not None else reworded(editor, condition, texts)


def reworded(editor: Editor, condition: Condition, texts: Sequence[str]) -> Condition:
    """Replace a condition's texts. It must have `rgb` if the editor is a ReadsReference."""
    if isinstance(editor, ReadsReference):
        assert condition.rgb is not None, "this model's text encoder looks at the pixels"
        text = editor.encode_text_with_reference(texts, condition.rgb, condition.known)
    else:
        text = editor.encode_text(texts, condition.reference.device)
    return replace(condition, text=text)


def kinds() -> list[str]:
    """The kinds of models that a config's `model.kind` can name."""
    files = (Path(__file__).parent / "adapters").glob("[!_]*.py")
    return [FLOW, *sorted(file.stem for file in files)]


def make_editor(model: Mapping[str, Any]) -> Editor:
    """Make the model of a config's `model:`. Raises RecipeError for unknown kinds and bad keys."""
    kind = str(model.get("kind", FLOW))
    if kind not in kinds():
        raise RecipeError([f"model.kind: unknown kind {kind!r}{choices(kind, kinds())}"])
    name = "vbdata.train.model" if kind == FLOW else f"vbdata.train.adapters.{kind}"
    module = importlib.import_module(name)
    given = {key: value for key, value in model.items() if key != "kind"}
    fields = module.Options.model_fields
    faults = [f"model.{k}: unknown key{choices(k, fields)}" for k in given if k not in fields]
    try:
        options = module.Options.model_validate({k: v for k, v in given.items() if k in fields})
    except ValidationError as err:
        faults += [f"model.{'.'.join(map(str, f['loc']))}: {f['msg']}" for f in err.errors()]
    if faults:
        raise RecipeError(faults)
    editor: Editor = module.make(options)
    return editor
