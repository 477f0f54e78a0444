"""Qwen-Image-Edit, 2509 and 2511 (arXiv:2508.02324): kind "qwen_image_edit".

Conventions, each as in diffusers' QwenImageEditPlusPipeline: latents are the autoencoder's modes
less their mean, over their deviation, 2 x 2 of them a token; the reference's tokens follow the
picture's in the next frame, at the same rows and columns; sigma = 1 - t, and the model predicts
noise - x (in 2511 the reference's tokens are always told sigma = 0). Text is the last states of
Qwen2.5-VL, which looks at the reference, too, shrunk or enlarged to about 384 x 384 pixels. With
guidance a token's velocity keeps the length that it has without.

The pipeline differs twice, and this does not follow it. It resizes the reference for the
autoencoder to about a megapixel, where pixels would no longer align: here it has exactly the
picture's size. And under transformers 5 it does not say which tokens are an image's, so that the
encoder counts them as text (diffusers issue 14194): here they have their rows and columns.

A row without a reference has its tokens hidden from attention, and a text without a picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from importlib.metadata import version
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from vbdata.train import flow
from vbdata.train.adapter import Condition
from vbdata.train.adapters.parts.checkpoint import AdapterOptions, library, open_checkpoint
from vbdata.train.adapters.parts.flow_times import own_times
from vbdata.train.adapters.parts.latents import VAE, LatentEditor, Texts, exact, follow
from vbdata.train.adapters.parts.qwen_attention import MaskedAttention
from vbdata.train.adapters.parts.tokens import packed, unpacked, x_from_velocity

PIPELINE = "QwenImageEditPlusPipeline"
MODULE = "diffusers.pipelines.qwenimage.pipeline_qwenimage_edit_plus"
TEXT_PARTS = ("processor", "text_encoder")
LOOK, PICTURE = "<|image_pad|>", "Picture 1: <|vision_start|>{}<|vision_end|>"
Options = AdapterOptions


class QwenEditor(LatentEditor):
    """The pipeline's transformer, autoencoder and vision-language model as an Editor."""

    def __init__(self, options: Options) -> None:
        checkpoint = open_checkpoint(options, PIPELINE)
        module = checkpoint.model("diffusers", "QwenImageTransformer2DModel", self.part)
        module.set_attn_processor(MaskedAttention())
        self.vae = checkpoint.model("diffusers", "AutoencoderKLQwenImage", VAE, FLOAT)
        multiple = 2 ** (len(self.vae.config.temperal_downsample) + 1)
        blocks, pillow = module.transformer_blocks, version("pillow")
        super().__init__(options, checkpoint, module, blocks, multiple, TEXT_PARTS, pillow)
        last = f"transformer_blocks.{len(blocks) - 1}"  # nothing reads the text after it
        self.idle = [f"{last}.{name}" for name in IDLE]
        for name in self.idle:
            module.get_submodule(name).requires_grad_(False)

    def encode_text(self, texts: Sequence[str], where: torch.device) -> Texts:
        """Encode texts without pictures: tokens [B, L, D], and seen, bool[B, L], which count."""
        return self._all_read(texts, [None] * len(texts), where)

    def encode_text_with_reference(self, texts: Sequence[str], rgb: Tensor, known: Tensor) -> Texts:
        """Encode texts, each beside its picture where that is known, as `encode_text` does.

        rgb: float32[B, 3, H, W] in -1..1; known: bool[B].
        """
        pictures = flow.quantised(rgb).movedim(1, -1).cpu()
        pairs = zip(pictures, known.tolist(), strict=True)
        return self._all_read(texts, [p if k else None for p, k in pairs], rgb.device)

    def _all_read(
        self, texts: Sequence[str], pictures: Sequence[Tensor | None], where: torch.device
    ) -> Texts:
        rows = []
        with exact(where):
            for text, picture in zip(texts, pictures, strict=True):
                make = partial(self._look, text, picture, where)
                kept = self._texts.get(content(text, picture), where, make)
                rows.append(kept["tokens"][0])
        lengths = torch.tensor([len(row) for row in rows], device=where)
        tokens = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
        return {
            "tokens": tokens,
            "seen": torch.arange(tokens.shape[1], device=where) < lengths[:, None],
        }

    def _look(self, text: str, picture: Tensor | None, where: torch.device) -> Texts:
        return self._reader(text, where, picture)

    def predict(self, z: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Predict x, shaped like z, by the transformer's velocity."""
        text, dtype = condition.text, self.dtype
        tokens, hidden = packed(z), {}
        count, known = tokens.shape[1], condition.known
        shapes = [(1, z.shape[-2] // 2, z.shape[-1] // 2)]
        if bool(known.any()):
            tokens, shapes = torch.cat([tokens, packed(condition.reference)], 1), 2 * shapes
            if not bool(known.all()):
                seen = known[:, None].expand(-1, count)
                hidden = {"seen": torch.cat([torch.ones_like(seen), seen], 1)}
        velocity = self.module(
            hidden_states=tokens.to(dtype),
            timestep=1 - t,
            encoder_hidden_states=text["tokens"].to(dtype),
            encoder_hidden_states_mask=None if bool(text["seen"].all()) else text["seen"],
            img_shapes=[shapes] * len(z),
            attention_kwargs=hidden,
            return_dict=False,
        )[0][:, :count]
        return x_from_velocity(z, t, unpacked(velocity, z.shape))

    def adjust_guidance(self, z: Tensor, x: Tensor, plain: Tensor) -> Tensor:
        """x after guidance, rescaled so that each token's velocity is as long as without guidance.

        plain: the prediction without. Velocities are (z - x) / (1 - t), so their lengths compare as
        those of z - x.
        """
        guided, own = packed(z - x), packed(z - plain)
        length, wanted = (v.norm(dim=-1, keepdim=True) for v in (guided, own))
        direction = guided / length.clamp_min(torch.finfo(length.dtype).tiny)
        return z - unpacked(direction * wanted, z.shape)

    def times(self, steps: int, shape: Sequence[int]) -> list[float]:
        """The times t = 1 - sigma of the pipeline's schedule, for so many steps on x of a shape."""
        return own_times(self.checkpoint, steps, shape[-1] * shape[-2] // 4, MODULE)

    def _encode(self, rgb: Tensor) -> Tensor:
        mean, std = self._statistics(rgb.device)
        latent: Tensor = self.vae.encode(rgb[:, :, None]).latent_dist.mode()[:, :, 0]
        return (latent - mean) / std

    def _decode(self, x: Tensor) -> Tensor:
        mean, std = self._statistics(x.device)
        rgb: Tensor = self.vae.decode((x * std + mean)[:, :, None]).sample[:, :, 0]
        return rgb

    def _statistics(self, where: torch.device) -> Sequence[Tensor]:
        """Mean and standard deviation of the latents' channels, float32[1, C, 1, 1]."""
        config = self.vae.config
        both = (
            torch.tensor(one, device=where) for one in (config.latents_mean, config.latents_std)
        )
        return [one.float().view(1, -1, 1, 1) for one in both]

    def _load_texts(self) -> Callable[..., Texts]:
        """A function of a text, a device and a picture, uint8[H, W, 3] or None."""
        tokenizer = self.checkpoint.part("transformers", "Qwen2Tokenizer", "processor")
        images = self.checkpoint.part("transformers", "Qwen2VLImageProcessorPil", "processor")
        kind = "Qwen2_5_VLForConditionalGeneration"
        encoder = self.checkpoint.model("transformers", kind, "text_encoder").model
        usual, pipeline = import_module(MODULE), _bare_pipeline()
        mark = tokenizer.convert_tokens_to_ids(LOOK)

        def read(text: str, where: torch.device, picture: Tensor | None) -> Texts:
            follow(encoder, where)
            given: dict[str, Tensor] = {}
            if picture is not None:
                image = Image.fromarray(picture.numpy())
                width, height = usual.calculate_dimensions(
                    usual.CONDITION_IMAGE_SIZE, image.width / image.height
                )
                image = pipeline.image_processor.resize(image, height, width)
                given = dict(images(image, return_tensors="pt").to(where))
                count = int(given["image_grid_thw"].prod()) // images.merge_size**2
                text = PICTURE.format(LOOK * count) + text
            ids = tokenizer(
                pipeline.prompt_template_encode.format(text), return_tensors="pt"
            ).input_ids.to(where)
            given["mm_token_type_ids"] = (ids == mark).int()
            states = encoder(ids, use_cache=False, **given).last_hidden_state
            return {"tokens": states[:, pipeline.prompt_template_encode_start_idx :]}

        return read


FLOAT = torch.float32
IDLE = ("attn.add_q_proj", "attn.norm_added_q", "attn.to_add_out", "txt_mlp")


def _bare_pipeline() -> Any:
    """The pipeline without its parts, for its template and its resizing."""
    kind = getattr(library("diffusers"), PIPELINE)
    names = ("scheduler", "vae", "text_encoder", "tokenizer", "processor", "transformer")
    return kind(**dict.fromkeys(names))


def content(text: str, picture: Tensor | None) -> bytes:
    """The bytes that decide a text's encoding: its picture, uint8[H, W, 3] or None, and itself."""
    if picture is None:
        return b"\0" + text.encode()
    return f"{tuple(picture.shape)}\0".encode() + picture.numpy().tobytes() + text.encode()


def make(options: Options) -> QwenEditor:
    """The editor of the checkpoint at options.path. Raises RecipeError."""
    return QwenEditor(options)
