"""FLUX.2-klein-base (Black Forest Labs): kind "flux2_klein".

Conventions, each as in diffusers' Flux2KleinPipeline: 2 x 2 of the autoencoder's modes are stacked
as channels and normalised by the running statistics of its batch norm, and each position is a
token; positions are (t, row, column, number), the reference's with t = 10 at the picture's rows and
columns; sigma = 1 - t, and the model predicts noise - x; text is the states of Qwen3 after its
layers 9, 18 and 27 for the prompt in its chat template, padded to text_length.

The pipeline shrinks references above 1024 x 1024 pixels, crops them to multiples of 16 and refuses
sides below 64; here the reference has exactly the picture's size, or pixels would not align.
Distilled checkpoints are refused: their steps are not those of a flow, so there is nothing to tune.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Annotated

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor

from vbdata.errors import RecipeError
from vbdata.train.adapter import Condition
from vbdata.train.adapters.parts.checkpoint import open_checkpoint, text_pipeline
from vbdata.train.adapters.parts.flow_times import own_times
from vbdata.train.adapters.parts.flux import FluxEditor, FluxOptions, Guidance
from vbdata.train.adapters.parts.latents import Texts
from vbdata.train.adapters.parts.tokens import attended, x_from_velocity

PIPELINE = "Flux2KleinPipeline"
TEXT_PARTS = ("tokenizer", "text_encoder")
REFERENCE_T = 10


class Options(FluxOptions):
    """Keys of the model. text_length: Qwen3's tokens, with those of its chat template."""

    text_length: Annotated[int, Field(ge=16, le=512)] = 512
    guidance: Guidance = 4.0


class KleinEditor(FluxEditor):
    """The pipeline's transformer, autoencoder and language model as an Editor."""

    def __init__(self, options: Options) -> None:
        checkpoint = open_checkpoint(options, PIPELINE)
        if checkpoint.settings("", "model_index.json").get("is_distilled"):
            raise RecipeError([f"model.path: {options.path} is distilled, expected klein-base"])
        transformer = "Flux2Transformer2DModel"
        super().__init__(options, checkpoint, transformer, "AutoencoderKLFlux2", TEXT_PARTS)

    def predict(self, z: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Predict x, shaped like z, by the transformer's velocity."""
        text, dtype = condition.text["tokens"], self.dtype
        tokens, places = z.flatten(2).transpose(1, 2), grid(z.shape, 0, z.device)
        count, mask = tokens.shape[1], None
        if bool(condition.known.any()):
            mask = attended(condition.known, text.shape[1] + count, count)
            tokens = torch.cat([tokens, condition.reference.flatten(2).transpose(1, 2)], 1)
            places = torch.cat([places, grid(z.shape, REFERENCE_T, z.device)])
        numbers = torch.arange(text.shape[1], device=z.device)
        velocity = self.module(
            hidden_states=tokens.to(dtype),
            timestep=1 - t,
            guidance=self.guidance(t),
            encoder_hidden_states=text.to(dtype),
            txt_ids=F.pad(numbers[:, None], (3, 0)),
            img_ids=places,
            joint_attention_kwargs=mask,
            return_dict=False,
        )[0][:, :count]
        return x_from_velocity(z, t, velocity.transpose(1, 2).reshape(z.shape))

    def times(self, steps: int, shape: Sequence[int]) -> list[float]:
        """The times t = 1 - sigma of the pipeline's schedule, for so many steps on x of a shape."""
        pipeline = "diffusers.pipelines.flux2.pipeline_flux2_klein"
        return own_times(self.checkpoint, steps, shape[-1] * shape[-2], pipeline)

    def _encode(self, rgb: Tensor) -> Tensor:
        mean, std = self._statistics()
        return (F.pixel_unshuffle(self.vae.encode(rgb).latent_dist.mode(), 2) - mean) / std

    def _decode(self, x: Tensor) -> Tensor:
        mean, std = self._statistics()
        rgb: Tensor = self.vae.decode(F.pixel_shuffle(x * std + mean, 2)).sample
        return rgb

    def _statistics(self) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the latents' channels, float32[1, C, 1, 1]."""
        norm = self.vae.bn
        std = (norm.running_var + self.vae.config.batch_norm_eps).sqrt()
        return norm.running_mean.view(1, -1, 1, 1), std.view(1, -1, 1, 1)

    def _load_texts(self) -> Callable[[str, torch.device], Texts]:
        pipeline = text_pipeline(self.checkpoint, PIPELINE)
        length = self.options.text_length

        def read(text: str, where: torch.device) -> Texts:
            pipeline.to(where)
            chat = pipeline.tokenizer.apply_chat_template(
                [{"role": "user", "content": text}], tokenize=False,
                add_generation_prompt=True, enable_thinking=False,
            )  # fmt: skip
            if len(pipeline.tokenizer(chat).input_ids) > length:  # the pipeline does not warn
                warnings.warn(f"cut to {length} tokens: {text[:60]!r}...", stacklevel=2)
            tokens, _ = pipeline.encode_prompt([text], device=where, max_sequence_length=length)
            return {"tokens": tokens}

        return read


def grid(shape: Sequence[int], t: int, where: torch.device) -> Tensor:
    """The tokens' positions (t, row, column, 0), int64[hw, 4], for a latent of a shape."""
    axes = torch.tensor([t]), torch.arange(shape[-2]), torch.arange(shape[-1]), torch.tensor([0])
    return torch.cartesian_prod(*axes).to(where)


def make(options: Options) -> KleinEditor:
    """The editor of the checkpoint at options.path. Raises RecipeError."""
    return KleinEditor(options)
