"""LatentEditor: an editor that predicts in the latents of a frozen autoencoder.

x is the autoencoder's latent, normalised as the model was trained with it. The autoencoder works in
float32, without TF32, on one image at a time: half precision costs depth its last digits, and an
image's latent must not depend on what else is in its batch.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from importlib.metadata import version
from typing import Any

import torch
from torch import Tensor, nn

from vbdata.errors import RecipeError
from vbdata.train.adapter import Condition
from vbdata.train.adapters.parts.checkpoint import AdapterOptions, Checkpoint
from vbdata.train.caches import Encodings, files_digest

VAE = "vae"  # the autoencoder's folder in a checkpoint
Texts = dict[str, Tensor]


class LatentEditor(ABC):
    """The methods of `vbdata.train.adapter.Editor` that all adapters share.

    A subclass predicts, and encodes and decodes a batch of one. module: what is trained, float32
    where it is; part: its folder in the checkpoint; idle: submodules that affect no output, so they
    are not trained and have no LoRA; vae: the autoencoder.
    """

    part = "transformer"
    idle: Sequence[str] = ()
    vae: Any  # frozen, so not below `module`: neither checkpoints nor optimisers see it

    def __init__(
        self,
        options: AdapterOptions,
        checkpoint: Checkpoint,
        module: nn.Module,
        blocks: Sequence[nn.Module],
        multiple_of: int,
        texts: Sequence[str],
        *settings: object,
    ) -> None:
        """blocks, multiple_of: as for Editor; texts: the folders that decide how a text is encoded.

        settings: whatever else decides that.
        """
        self.options, self.checkpoint = options, checkpoint
        self.module, self.blocks, self.multiple_of = module, blocks, multiple_of
        self._text_parts, self._text_settings = texts, (options.dtype, *settings)
        self._code = (type(self).__name__, version("diffusers"), version("transformers"))
        self._checked = False
        module.requires_grad_(True)
        module.train()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all files of the checkpoint that are used, in hexadecimal. Reads them once."""
        parts = (self.part, VAE, "scheduler", *self._text_parts)
        return files_digest(self.checkpoint.folder, parts)

    @cached_property
    def _images(self) -> Encodings:
        encoder = files_digest(self.checkpoint.folder, [VAE], *self._code)
        return Encodings(encoder, self.options.cache.images, self.options.cache)

    @cached_property
    def _texts(self) -> Encodings:
        kept, settings = self.options.cache.texts, (*self._code, *self._text_settings)
        folder, parts = self.checkpoint.folder, self._text_parts
        encoder = files_digest(folder, parts, *settings) if kept == "disk" else ""
        return Encodings(encoder, kept, self.options.cache)

    @cached_property
    def _reader(self) -> Callable[..., Texts]:
        return self._load_texts()  # large, and not needed where all encodings are kept

    def encode_image(self, rgb: Tensor) -> Tensor:
        """Encode float32[B, 3, H, W] in -1..1 to normalised latents, float32[B, C, h, w].

        Raises RecipeError unless sides are multiples of `multiple_of`.
        """
        check_size(rgb, self.multiple_of)
        follow(self.vae, rgb.device)
        with exact(rgb.device):
            return torch.cat([self._encoded(one[None]) for one in rgb.float().unbind()])

    def _encoded(self, rgb: Tensor) -> Tensor:
        if self.options.cache.images == "no":
            return self._encode(rgb)
        content = f"{tuple(rgb.shape)}".encode() + rgb.cpu().numpy().tobytes()
        kept = self._images.get(content, rgb.device, lambda: {"latent": self._encode(rgb)})
        return kept["latent"]

    def encode_text(self, texts: Sequence[str], where: torch.device) -> Texts:
        """Encode texts on a device as `predict` takes them: tensors [B, ...] by name."""
        with exact(where):
            rows = [
                self._texts.get(text.encode(), where, partial(self._read, text, where))
                for text in texts
            ]
        return {name: torch.cat([row[name] for row in rows]) for name in rows[0]}

    def decode(self, x: Tensor) -> Tensor:
        """Decode normalised latents [B, C, h, w] to float32[B, 3, H, W], not clipped to -1..1."""
        follow(self.vae, x.device)
        with exact(x.device):
            return torch.cat([self._decode(one[None]) for one in x.float().unbind()])

    def _read(self, text: str, where: torch.device) -> Texts:
        return self._reader(text, where)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the module's weights but for LoRA's, which its inputs must have.

        Raises RecipeError if weights are trained that are not float32: small steps would be lost.
        """
        if torch.is_grad_enabled() and not self._checked:
            trained = {p.dtype for p in self.module.parameters() if p.requires_grad}
            if trained - {torch.float32}:
                raise RecipeError(["model.dtype: what is trained must be float32"])
            self._checked = True
        return next(self.module.parameters()).dtype

    @abstractmethod
    def predict(self, z: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Predict x, shaped like z, [B, C, h, w]; t: float32[B], 0 = noise."""

    @abstractmethod
    def times(self, steps: int, shape: Sequence[int]) -> list[float]:
        """The times t at which the model's own sampler stops, for so many steps on x of a shape."""

    @abstractmethod
    def _encode(self, rgb: Tensor) -> Tensor:
        """Encode a batch of one, float32[1, 3, H, W], to its normalised latent."""

    @abstractmethod
    def _decode(self, x: Tensor) -> Tensor:
        """Decode the normalised latent of a batch of one to float32[1, 3, H, W]."""

    @abstractmethod
    def _load_texts(self) -> Callable[..., Texts]:
        """A function of (text, device) that encodes a text to tensors with a batch of one."""


@contextmanager
def exact(where: torch.device) -> Iterator[None]:
    """Compute without gradients, autocast and TF32, as frozen parts do."""
    with (
        torch.no_grad(),
        torch.autocast(where.type, enabled=False),
        torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
    ):
        yield


def follow(module: nn.Module, where: torch.device) -> None:
    """Move a frozen part to a device, if it is on another."""
    if next(module.parameters()).device != where:
        module.to(where)


def check_size(rgb: Tensor, multiple_of: int) -> None:
    """Raise RecipeError unless both sides of rgb [..., H, W] are multiples: latents must align."""
    height, width = rgb.shape[-2:]
    if height % multiple_of or width % multiple_of:
        raise RecipeError([f"{width}x{height} pixels: not multiples of {multiple_of}"])
