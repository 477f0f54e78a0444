"""A task the other way round, as a task (vbdata.core.reversal): TASK-reversed.

A task may define

    pictured(params)    what its targets are, in words that follow an article

which prompts say of the input where a record has no caption, by default the task's name and "map";
and

    REVERSED            options that its `ask` has then, whatever a recipe says: of a task that asks
                        in vain on purpose, those by which it does not, as no photograph follows
                        from an empty picture
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from vbdata.core.arrays import Array, namespace
from vbdata.core.reversal import SAID, reversed_ask
from vbdata.core.rng import Stream
from vbdata.core.types import Ask, Entry
from vbdata.plugins.tensors import arrays_of

if TYPE_CHECKING:
    import pyarrow as pa


def why_no_reverse(module: ModuleType, name: str) -> str:
    """Why a task cannot be turned round, "" if it can."""
    if getattr(module, "PHOTOGRAPH", False) or module.BLANK_INPUT:
        return f"{name} has no reverse: it draws no label, its target is a photograph"
    return ""


class ReversedTask(ModuleType):
    """A task whose input is what another one draws, and whose target is the photograph.

    forward: the other one. Its labels are needed, its options are asked with, its round trip is
    measured; answers are pictures, so they decode to themselves.
    """

    PHOTOGRAPH = True
    BLANK_INPUT = False
    PARAMS: Mapping[str, Any] = {}

    def __init__(self, forward: ModuleType, name: str) -> None:
        title = (forward.__doc__ or "").strip().partition("\n")[0].rstrip(".")
        super().__init__(forward.__name__, f"The other way round, from picture to photo: {title}.")
        self.forward, self._name = forward, name
        self.ARRAYS = arrays_of(forward)
        self.NEEDS = ("image", *(need for need in forward.NEEDS if need != "image"))
        self.TOLERANCE, self.UNIT = forward.TOLERANCE, forward.UNIT
        self.eligible = forward.eligible
        self.ask = _asking(forward, name)

    def __getattr__(self, name: str) -> Any:
        if name in ("warm", "refused", "check_options"):
            return getattr(self.forward, name)
        raise AttributeError(f"{self._name} has no {name}")

    def queries(self, columns: pa.Table) -> Array:
        """int64[N]: none, since a benchmark asks a task as it is."""
        return np.zeros(len(columns), np.int64)

    def render(self, label: Array, params: Mapping[str, Any]) -> Array:
        """Return a photograph, uint8 RGB [..., H, W, 3], as it is."""
        return label

    def valid(self, label: Array, params: Mapping[str, Any]) -> Array:
        """bool[..., H, W]: all pixels of a photograph."""
        xp = namespace(label)
        return xp.ones(label.shape[:-1], dtype=xp.bool, device=label.device)

    def decode(self, rgb: Array, params: Mapping[str, Any]) -> Array:
        """Return a photograph, uint8 RGB [..., H, W, 3], as it is."""
        return rgb

    def legal(self, rgb: Array, params: Mapping[str, Any]) -> Array:
        """bool[..., H, W]: all pixels, since a photograph may have any colour."""
        return self.valid(rgb, params)

    def roundtrip(self, label: Array, rgb: Array, params: Mapping[str, Any]) -> float:
        """0 if a photograph is the same as another, inf if it is not."""
        return 0.0 if bool((label == rgb).all()) else float("inf")

    def unsaid(self, instruction: str, params: Mapping[str, Any]) -> list[str]:
        """What the params have and an instruction does not say: the caption or the picture."""
        said = str(params[SAID])
        return [] if said in instruction else [f"the instruction does not say {said!r:.100}"]


def pictured(module: ModuleType, name: str, params: Mapping[str, Any]) -> str:
    """What a task's targets are, in words that follow an article. name: of the task."""
    if hasattr(module, "pictured"):
        return str(module.pictured(params))
    return f"{name.rpartition('.')[2].replace('_', ' ')} map"


def _asking(forward: ModuleType, name: str) -> Callable[..., Ask]:
    """The `ask` of the other way round, with the task's own options. name: of the task."""
    fixed: Mapping[str, Any] = getattr(forward, "REVERSED", {})

    @functools.wraps(forward.ask)
    def ask(
        entry: Entry, rng: Stream, *, vocabulary: Sequence[tuple[str, bool]] = (), **options: Any
    ) -> Ask:
        alone = replace(entry, references=0)  # the next frame is nearly what is asked for
        asked = forward.ask(alone, rng, vocabulary=vocabulary, **{**options, **fixed})
        return reversed_ask(asked, entry, rng, pictured(forward, name, asked.params))

    return ask
