"""What the FLUX.1 and FLUX.2 adapters share: options, how they are made, the embedded guidance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from vbdata.train.adapters.parts.checkpoint import AdapterOptions, Checkpoint
from vbdata.train.adapters.parts.latents import VAE, LatentEditor

Guidance = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class FluxOptions(AdapterOptions):
    """Keys of a FLUX model.

    text_length: tokens that a text is padded to; guidance: the scale that is embedded, if the
    checkpoint embeds one.
    """

    text_length: Annotated[int, Field(ge=1, le=512)] = 512
    guidance: Guidance


class FluxEditor(LatentEditor):
    """A LatentEditor with a FLUX transformer.

    transformer, autoencoder: their classes in diffusers; texts: the folders that decide how a text
    is encoded.
    """

    options: FluxOptions

    def __init__(
        self,
        options: FluxOptions,
        checkpoint: Checkpoint,
        transformer: str,
        autoencoder: str,
        texts: Sequence[str],
    ) -> None:
        module = checkpoint.model("diffusers", transformer, self.part)
        self.vae = checkpoint.model("diffusers", autoencoder, VAE, torch.float32)
        self._embeds_guidance = bool(module.config.guidance_embeds)
        blocks = [*module.transformer_blocks, *module.single_transformer_blocks]
        multiple = 2 ** len(self.vae.config.block_out_channels)
        length = options.text_length
        super().__init__(options, checkpoint, module, blocks, multiple, texts, length)

    def guidance(self, t: Tensor) -> Tensor | None:
        """The guidance scale of each row, like t, float32[B]; None where none is embedded."""
        return t.new_full((len(t),), self.options.guidance) if self._embeds_guidance else None
