"""InstructPix2Pix (Brooks et al., arXiv:2211.09800): kind "instruct_pix2pix".

The UNet of Stable Diffusion 1.5 with four more input channels. It predicts the noise e of
y = sqrt(a) x + sqrt(1 - a) e, where a is the cumulative alpha of one of 1000 timesteps. Our
z = t x + (1 - t) e has the same ratio of picture to noise where (1 - t) / t = sqrt((1 - a) / a),
and then z = y sqrt(t^2 + (1 - t)^2). Between timesteps the logarithm of that ratio is interpolated
and the UNet is asked at a fraction of a step, as the authors' own sampler does (k-diffusion's
`sigma_to_t`). The schedule does not reach pure noise: below its last t (.064 for Stable Diffusion,
whose ratio ends at 14.6) the last timestep stands for all, as in diffusers, whose samplers start
there from pure noise. An x at t = 0 is 14.6 times a difference of noises, and so are its gradients.

Latents are mode * scaling_factor of the autoencoder, but those of the reference go in unscaled,
and as zeros where there is no reference. CLIP reads 77 tokens; what is longer is cut with a
warning, and long legends are longer.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from vbdata.errors import RecipeError
from vbdata.train.adapter import Condition
from vbdata.train.adapters.parts.checkpoint import (
    AdapterOptions,
    Checkpoint,
    library,
    open_checkpoint,
)
from vbdata.train.adapters.parts.latents import VAE, LatentEditor, Texts, follow

PIPELINE = "StableDiffusionInstructPix2PixPipeline"
TEXT_PARTS = ("tokenizer", "text_encoder")
Options = AdapterOptions


class Pix2PixEditor(LatentEditor):
    """The pipeline's UNet, autoencoder and text encoder as an Editor."""

    part = "unet"

    def __init__(self, options: Options) -> None:
        checkpoint = open_checkpoint(options, PIPELINE)
        self._schedule = _schedule(checkpoint)
        alphas = self._schedule.alphas_cumprod.double()
        self._log_ratios = ((1 - alphas) / alphas).log() / 2  # rises with the timestep
        self._first_t = float(torch.sigmoid(-self._log_ratios[-1]))
        module = checkpoint.model("diffusers", "UNet2DConditionModel", self.part)
        self.vae = checkpoint.model("diffusers", "AutoencoderKL", VAE, torch.float32)
        blocks = [*module.down_blocks, module.mid_block, *module.up_blocks]
        multiple = 2 ** (len(self.vae.config.block_out_channels) - 1)
        super().__init__(options, checkpoint, module, blocks, multiple, TEXT_PARTS)

    def predict(self, z: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Predict x, shaped like z, by the noise that the UNet predicts."""
        dtype, t_of_row = self.dtype, t.view(-1, 1, 1, 1)
        y = z / length(t_of_row)
        known = condition.known.view(-1, 1, 1, 1)
        reference = condition.reference / self.vae.config.scaling_factor * known
        noise = self.module(
            torch.cat([y, reference], 1).to(dtype),
            self.timesteps(t),
            encoder_hidden_states=condition.text["tokens"].to(dtype),
            return_dict=False,
        )[0].float()
        least = t_of_row.clamp_min(self._first_t)
        return (y * length(least) - (1 - least) * noise) / least

    def timesteps(self, t: Tensor) -> Tensor:
        """Timesteps, float32[B] with fractions, whose ratio of noise to picture is that of t."""
        ratios = self._log_ratios.to(t.device)
        ratio = (-torch.logit(t.double())).clamp(ratios[0], ratios[-1])
        below = (torch.searchsorted(ratios, ratio, right=True) - 1).clamp(0, len(ratios) - 2)
        share = (ratio - ratios[below]) / (ratios[below + 1] - ratios[below])
        return (below + share).float()

    def times(self, steps: int, shape: Sequence[int]) -> list[float]:
        """The times t of the timesteps at which DDIM stops, for so many steps."""
        self._schedule.set_timesteps(steps)
        return torch.sigmoid(-self._log_ratios[self._schedule.timesteps]).tolist()

    def _encode(self, rgb: Tensor) -> Tensor:
        latent: Tensor = self.vae.encode(rgb).latent_dist.mode()
        return latent * self.vae.config.scaling_factor

    def _decode(self, x: Tensor) -> Tensor:
        rgb: Tensor = self.vae.decode(x / self.vae.config.scaling_factor).sample
        return rgb

    def _load_texts(self) -> Callable[[str, torch.device], Texts]:
        tokenizer = self.checkpoint.part("transformers", "CLIPTokenizer", "tokenizer")
        encoder = self.checkpoint.model("transformers", "CLIPTextModel", "text_encoder")
        masked = bool(getattr(encoder.config, "use_attention_mask", False))
        most = tokenizer.model_max_length

        def read(text: str, where: torch.device) -> Texts:
            follow(encoder, where)
            if len(tokenizer(text).input_ids) > most:
                warnings.warn(f"cut to CLIP's {most} tokens: {text[:60]!r}...", stacklevel=2)
            read = tokenizer(
                text, padding="max_length", max_length=most, truncation=True, return_tensors="pt"
            )
            mask = read.attention_mask.to(where) if masked else None
            return {"tokens": encoder(read.input_ids.to(where), attention_mask=mask)[0]}

        return read


def length(t: Tensor) -> Tensor:
    """The length of (t, 1 - t): z's standard deviation, if x and noise have one of 1."""
    return (t**2 + (1 - t) ** 2).sqrt()


def _schedule(checkpoint: Checkpoint) -> Any:
    """The checkpoint's noise schedule, whichever sampler it names. Raises RecipeError."""
    settings = checkpoint.settings("scheduler", "scheduler_config.json")
    kind = settings.get("prediction_type", "epsilon")
    if kind != "epsilon":
        raise RecipeError([f"model.path: its model predicts {kind!r}, expected 'epsilon'"])
    schedule = library("diffusers").DDIMScheduler.from_config(settings)
    if not float(schedule.alphas_cumprod[-1]) > 0:
        raise RecipeError(["model.path: its schedule ends in pure noise, which determines no x"])
    return schedule


def make(options: Options) -> Pix2PixEditor:
    """The editor of the checkpoint at options.path. Raises RecipeError."""
    return Pix2PixEditor(options)
