"""FLUX.1-Kontext (Black Forest Labs, arXiv:2506.15742): kind "flux1_kontext".

Conventions, each as in diffusers' FluxKontextPipeline: latents are (mode - shift) * scale of the
autoencoder, 2 x 2 of them a token; the reference's tokens follow the picture's, at the same rows
and columns with first coordinate 1; sigma = 1 - t, and the model predicts noise - x; text is T5's
tokens and CLIP's pooled one; a guidance scale is an input where the checkpoint embeds one.

The pipeline resizes its reference to one of its preferred sizes unless `_auto_resize=False`, and
its output to `max_area`; here both keep the size of the input, or pixels would not align.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from vbdata.train.adapter import Condition
from vbdata.train.adapters.parts.checkpoint import open_checkpoint, text_pipeline
from vbdata.train.adapters.parts.flow_times import own_times
from vbdata.train.adapters.parts.flux import FluxEditor, FluxOptions, Guidance
from vbdata.train.adapters.parts.latents import Texts
from vbdata.train.adapters.parts.tokens import attended, packed, unpacked, x_from_velocity

PIPELINE = "FluxKontextPipeline"
TEXT_PARTS = ("tokenizer", "text_encoder", "tokenizer_2", "text_encoder_2")


class Options(FluxOptions):
    """Keys of the model. text_length: T5's tokens; CLIP reads 77."""

    guidance: Guidance = 3.5


class KontextEditor(FluxEditor):
    """The pipeline's transformer, autoencoder and text encoders as an Editor."""

    def __init__(self, options: Options) -> None:
        checkpoint = open_checkpoint(options, PIPELINE)
        transformer = "FluxTransformer2DModel"
        super().__init__(options, checkpoint, transformer, "AutoencoderKL", TEXT_PARTS)

    def predict(self, z: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Predict x, shaped like z, by the transformer's velocity."""
        text, dtype = condition.text, self.dtype
        tokens, places = packed(z), grid(z.shape, 0, z.device)
        count, mask = tokens.shape[1], None
        if bool(condition.known.any()):
            mask = attended(condition.known, text["tokens"].shape[1] + count, count)
            tokens = torch.cat([tokens, packed(condition.reference)], 1)
            places = torch.cat([places, grid(z.shape, 1, z.device)])
        velocity = self.module(
            hidden_states=tokens.to(dtype),
            timestep=1 - t,
            guidance=self.guidance(t),
            pooled_projections=text["pooled"].to(dtype),
            encoder_hidden_states=text["tokens"].to(dtype),
            txt_ids=places.new_zeros(text["tokens"].shape[1], 3),
            img_ids=places,
            joint_attention_kwargs=mask,
            return_dict=False,
        )[0][:, :count]
        return x_from_velocity(z, t, unpacked(velocity, z.shape))

    def times(self, steps: int, shape: Sequence[int]) -> list[float]:
        """The times t = 1 - sigma of the pipeline's schedule, for so many steps on x of a shape."""
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
        pipeline = text_pipeline(self.checkpoint, PIPELINE)
        length = self.options.text_length

        def read(text: str, where: torch.device) -> Texts:
            pipeline.to(where)
            tokens, pooled, _ = pipeline.encode_prompt(
                [text], device=where, max_sequence_length=length
            )
            return {"tokens": tokens, "pooled": pooled}

        return read


def grid(shape: Sequence[int], first: int, where: torch.device) -> Tensor:
    """The tokens' positions (first, row, column), float32[hw / 4, 3], for a latent of a shape."""
    rows, columns = torch.arange(shape[-2] // 2), torch.arange(shape[-1] // 2)
    return torch.cartesian_prod(torch.tensor([first]), rows, columns).float().to(where)


def make(options: Options) -> KontextEditor:
    """The editor of the checkpoint at options.path. Raises RecipeError."""
    return KontextEditor(options)
