"""What all real editors share: a checkpoint's folder, a frozen autoencoder and text encoder.

A checkpoint is a folder as diffusers' `save_pretrained` writes it: model_index.json and a folder of
config and safetensors for each part. It is read by local path; nothing is fetched, no code of it is
run, and pickled weights are refused.

x is the autoencoder's latent, normalised as the model was trained with it. The autoencoder works in
float32, without TF32, on one image at a time: half precision costs depth its last digits, and what
stands beside an image in a batch must not change its latent.
"""

from __future__ import annotations

import importlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from vbdata.errors import RecipeError
from vbdata.train.adapter import Condition
from vbdata.train.caches import Caching, Encodings, files_digest

VAE = "vae"
Texts = dict[str, Tensor]


class AdapterOptions(BaseModel):
    """path: the checkpoint's folder; dtype: of the weights that are not trained.

    With full tuning, dtype must be float32: what is trained is. The autoencoder is float32 always.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    dtype: Literal["float32", "bfloat16"] = "float32"
    cache: Caching = Caching()


@dataclass(frozen=True)
class Checkpoint:
    """A pipeline's folder. dtype: of its transformer and text encoders."""

    folder: Path
    dtype: torch.dtype

    def part(self, package: str, kind: str, name: str, **more: Any) -> Any:
        """One part, such as ("diffusers", "AutoencoderKL", "vae"). Raises RecipeError."""
        made = getattr(library(package), kind)
        try:
            return made.from_pretrained(self.folder / name, local_files_only=True, **more)
        except (OSError, ValueError, KeyError) as err:
            raise RecipeError([f"model.path: {self.folder / name}: {err}"]) from err

    def model(self, package: str, kind: str, name: str, dtype: torch.dtype | None = None) -> Any:
        """A part with weights, from safetensors alone, frozen and in evaluation."""
        found = self.part(package, kind, name, dtype=dtype or self.dtype, use_safetensors=True)
        return found.requires_grad_(False).eval()

    def settings(self, name: str, file: str) -> dict[str, Any]:
        """A part's JSON file."""
        found: dict[str, Any] = json.loads((self.folder / name / file).read_text())
        return found


def open_checkpoint(options: AdapterOptions, kind: str) -> Checkpoint:
    """The folder of a pipeline of a kind (diffusers' class). Raises RecipeError."""
    folder = Path(options.path)
    index = folder / "model_index.json"
    try:
        found = str(json.loads(index.read_text())["_class_name"])
    except OSError as err:
        raise RecipeError([f"model.path: {index} cannot be read: {err.strerror}"]) from err
    except (ValueError, KeyError, TypeError) as err:
        raise RecipeError([f"model.path: {index} is no index of a pipeline"]) from err
    if found != kind:
        raise RecipeError([f"model.path: {folder} holds a {found}, expected a {kind}"])
    return Checkpoint(folder, getattr(torch, options.dtype))


def text_pipeline(checkpoint: Checkpoint, kind: str) -> Any:
    """A pipeline with nothing but its text encoders, whose `encode_prompt` is the reference."""
    return checkpoint.part(
        "diffusers", kind, "", dtype=checkpoint.dtype, use_safetensors=True,
        transformer=None, vae=None,
    )  # fmt: skip


def library(name: str) -> Any:
    """diffusers or transformers, without their progress bars. Raises RecipeError if missing."""
    try:
        found = importlib.import_module(name)
    except ImportError as err:
        raise RecipeError([f"model.kind: needs {name}: pip install 'vbdata[editors]'"]) from err
    found.utils.logging.disable_progress_bar()
    return found


class LatentEditor(ABC):
    """The verbs that all adapters share. A subclass encodes a batch of one, and predicts.

    module: float32 where it is trained; part: the checkpoint's folder that it comes from; idle:
    parts of it that decide nothing, so they are not trained and have no LoRA.
    """

    part = "transformer"
    idle: Sequence[str] = ()
    vae: Any  # frozen, so not below `module`: neither checkpoints nor optimisers see them

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
        """texts: the folders that decide how a text is encoded; settings: what else does."""
        self.options, self.checkpoint = options, checkpoint
        self.module, self.blocks, self.multiple_of = module, blocks, multiple_of
        self._text_parts, self._text_settings = texts, (options.dtype, *settings)
        self._code = (type(self).__name__, version("diffusers"), version("transformers"))
        self._checked = False
        module.requires_grad_(True)
        module.train()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all the checkpoint's files that are used. Reads them once."""
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
        return self._load_texts()  # large, and not needed where all texts are kept

    def encode_image(self, rgb: Tensor) -> Tensor:
        """float32[B, 3, H, W] in -1..1 to normalised latents, float32[B, C, h, w]."""
        check_size(rgb, self.multiple_of)
        follow(self.vae, rgb.device)
        with exact(rgb.device):
            return torch.cat([self._encoded(one[None]) for one in rgb.float().unbind()])

    def _encoded(self, rgb: Tensor) -> Tensor:
        if self.options.cache.images == "no":
            return self._encode(rgb)
        content = f"{tuple(rgb.shape)}".encode() + rgb.cpu().numpy().tobytes()
        found = self._images.get(content, rgb.device, lambda: {"latent": self._encode(rgb)})
        return found["latent"]

    def encode_text(self, texts: Sequence[str], where: torch.device) -> Texts:
        """What `predict` wants, a tensor [B, ...] of each kind."""
        with exact(where):
            rows = [
                self._texts.get(text.encode(), where, partial(self._read, text, where))
                for text in texts
            ]
        return {name: torch.cat([row[name] for row in rows]) for name in rows[0]}

    def decode(self, x: Tensor) -> Tensor:
        """Normalised latents to float32[B, 3, H, W]; not clipped to -1..1."""
        follow(self.vae, x.device)
        with exact(x.device):
            return torch.cat([self._decode(one[None]) for one in x.float().unbind()])

    def _read(self, text: str, where: torch.device) -> Texts:
        return self._reader(text, where)

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights that are not adapters: what goes into the module.

        Raises RecipeError while training anything that is not float32: small steps would be lost.
        """
        if torch.is_grad_enabled() and not self._checked:
            trained = {p.dtype for p in self.module.parameters() if p.requires_grad}
            if trained - {torch.float32}:
                raise RecipeError(["model.dtype: what is trained must be float32"])
            self._checked = True
        return next(self.module.parameters()).dtype

    @abstractmethod
    def predict(self, z: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """x, shaped like z."""

    @abstractmethod
    def times(self, steps: int, shape: Sequence[int]) -> list[float]:
        """The model's own times t for a sampler of so many steps on x of a shape, first to last."""

    @abstractmethod
    def _encode(self, rgb: Tensor) -> Tensor:
        """Of a batch of one."""

    @abstractmethod
    def _decode(self, x: Tensor) -> Tensor:
        """Of a batch of one."""

    @abstractmethod
    def _load_texts(self) -> Callable[..., Texts]:
        """A function of (text, device) that encodes a text, each tensor with a batch of one."""


@contextmanager
def exact(where: torch.device) -> Iterator[None]:
    """No gradients, no autocast, no TF32: what frozen parts compute in."""
    with (
        torch.no_grad(),
        torch.autocast(where.type, enabled=False),
        torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False),
    ):
        yield


def follow(module: nn.Module, where: torch.device) -> None:
    """Move a frozen part to a device if it is on another."""
    if next(module.parameters()).device != where:
        module.to(where)


def check_size(rgb: Tensor, multiple_of: int) -> None:
    """Raises RecipeError for a picture whose latents would not lie on its pixels."""
    height, width = rgb.shape[-2:]
    if height % multiple_of or width % multiple_of:
        raise RecipeError([f"{width}x{height} pixels: not multiples of {multiple_of}"])


def packed(x: Tensor) -> Tensor:
    """Each 2 x 2 patch of a latent as a token: [B, C, h, w] to [B, hw / 4, 4 C]."""
    b, c, h, w = x.shape
    return x.view(b, c, h // 2, 2, w // 2, 2).permute(0, 2, 4, 1, 3, 5).reshape(b, -1, 4 * c)


def unpacked(tokens: Tensor, shape: Sequence[int]) -> Tensor:
    """Back to [B, C, h, w]."""
    b, c, h, w = shape
    parts = tokens.view(b, h // 2, w // 2, c, 2, 2).permute(0, 3, 1, 4, 2, 5)
    return parts.reshape(b, c, h, w)


def attended(known: Tensor, before: int, reference: int) -> Mapping[str, Tensor] | None:
    """A mask under which rows without a reference see none: bool[B, 1, 1, before + reference].

    A token that nothing attends to is as good as absent. None where all rows have a reference.
    """
    if bool(known.all()):
        return None
    head = known.new_ones(len(known), before)
    mask = torch.cat([head, known[:, None].expand(-1, reference)], 1)
    return {"attention_mask": mask[:, None, None]}


def x_from_velocity(z: Tensor, t: Tensor, velocity: Tensor) -> Tensor:
    """x = z - (1 - t) v, where v = noise - x is what models of the FLUX family predict.

    Their sigma, the share of noise, is 1 - t: z = (1 - sigma) x + sigma noise.
    """
    return z - (1 - t).view(-1, 1, 1, 1) * velocity.float()
