"""FLUX.1-Kontext (Black Forest Labs, arXiv:2506.15742): kind "flux1_kontext".

Conventions, each as in diffusers' FluxKontextPipeline: latents are (mode - shift) * scale of the
autoencoder, 2 x 2 of them a token; the reference's tokens follow the picture's, at the same rows
and columns with first coordinate 1; sigma = 1 - t, and the model predicts noise - x; text is T5's
tokens and CLIP's pooled one; a guidance scale goes in where the checkpoint embeds it.

The pipeline resizes its reference to one of its preferred sizes unless `_auto_resize=False`, and
its output to `max_area`; here both have the size that comes in, or pixels would not align.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from vbdata.train.adapter import Condition
from vbdata.train.adapters import _shared
from vbdata.train.adapters._flow_times import own_times
from vbdata.train.adapters._shared import Texts, attended, packed, unpacked, x_from_velocity

PIPELINE = "FluxKontextPipeline"
TEXT_PARTS = ("tokenizer", "text_encoder", "tokenizer_2", "text_encoder_2")


class Options(_shared.AdapterOptions):
    """text_length: T5's tokens, padded (CLIP reads 77); guidance: the scale that is embedded."""

    text_length: Annotated[int, Field(ge=1, le=512)] = 512
    guidance: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 3.5


class KontextEditor(_shared.LatentEditor):
    """The pipeline's transformer, autoencoder and text encoders behind the four verbs."""

    options: Options

    def __init__(self, options: Options) -> None:
        checkpoint = _shared.open_checkpoint(options, PIPELINE)
        module = checkpoint.model("diffusers", "FluxTransformer2DModel", self.part)
        self.vae = checkpoint.model("diffusers", "AutoencoderKL", _shared.VAE, torch.float32)
        self._embeds_guidance = bool(module.config.guidance_embeds)
        blocks = [*module.transformer_blocks, *module.single_transformer_blocks]
        multiple = 2 ** len(self.vae.config.block_out_channels)
        length = options.text_length
        super().__init__(options, checkpoint, module, blocks, multiple, TEXT_PARTS, length)

    def predict(self, z: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """x, by the transformer's velocity."""
        text, dtype = condition.text, self.dtype
        tokens, places = packed(z), grid(z.shape, 0, z.device)
        count, mask = tokens.shape[1], None
        if bool(condition.known.any()):
            mask = attended(condition.known, text["tokens"].shape[1] + count, count)
            tokens = torch.cat([tokens, packed(condition.reference)], 1)
            places = torch.cat([places, grid(z.shape, 1, z.device)])
        guidance = t.new_full((len(z),), self.options.guidance) if self._embeds_guidance else None
        velocity = self.module(
            hidden_states=tokens.to(dtype),
            timestep=1 - t,
            guidance=guidance,
            pooled_projections=text["pooled"].to(dtype),
            encoder_hidden_states=text["tokens"].to(dtype),
            txt_ids=places.new_zeros(text["tokens"].shape[1], 3),
            img_ids=places,
            joint_attention_kwargs=mask,
            return_dict=False,
        )[0][:, :count]
        return x_from_velocity(z, t, unpacked(velocity, z.shape))

    def times(self, steps: int, shape: Sequence[int]) -> list[float]:
        """1 - sigma of the pipeline's schedule."""
        pipeline = "diffusers.pipelines.flux.pipeline_flux_kontext"
        return own_times(self.checkpoint, steps, shape[-1] * shape[-2] // 4, pipeline)

    def _encode(self, rgb: Tensor) -> Tensor:
        config = self.vae.config
        latent: Tensor = self.vae.encode(rgb).latent_dist.mode()
        return (latent - config.shift_factor) * config.scaling_factor

    def _decode(self, x: Tensor) -> Tensor:
        config = self.vae.config
        rgb: Tensor = self.vae.decode(x / config.scaling_factor + config.shift_factor).sample
        return rgb

    def _load_texts(self) -> Callable[[str, torch.device], Texts]:
        pipeline = _shared.text_pipeline(self.checkpoint, PIPELINE)
        length = self.options.text_length

        def read(text: str, where: torch.device) -> Texts:
            pipeline.to(where)
            tokens, pooled, _ = pipeline.encode_prompt(
                [text], device=where, max_sequence_length=length
            )
            return {"tokens": tokens, "pooled": pooled}

        return read


def grid(shape: Sequence[int], first: int, where: torch.device) -> Tensor:
    """The tokens' places (first, row, column): float32[hw / 4, 3]."""
    rows, columns = torch.arange(shape[-2] // 2), torch.arange(shape[-1] // 2)
    return torch.cartesian_prod(torch.tensor([first]), rows, columns).float().to(where)


def make(options: Options) -> KontextEditor:
    """The editor of a checkpoint. Raises RecipeError."""
    return KontextEditor(options)
