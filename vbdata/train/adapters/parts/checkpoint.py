"""A released pipeline as diffusers' `save_pretrained` writes it, read by local path.

A folder with model_index.json, and a folder of config and safetensors for each part. Nothing is
fetched, no code of it is run, and pickled weights are refused.
"""

from __future__ import annotations

import importlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict

from vbdata.errors import RecipeError
from vbdata.train.caches import Caching


class AdapterOptions(BaseModel):
    """Keys of `model:` that all adapters have.

    path: the checkpoint's folder; dtype: of the weights that are not trained (with full tuning it
    must be float32; the autoencoder always is); cache: where encodings are kept.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    dtype: Literal["float32", "bfloat16"] = "float32"
    cache: Caching = Caching()


@dataclass(frozen=True)
class Checkpoint:
    """The folder of a pipeline. dtype: of its transformer and text encoders."""

    folder: Path
    dtype: torch.dtype

    def part(self, package: str, kind: str, name: str, **more: Any) -> Any:
        """Load a part, such as ("diffusers", "AutoencoderKL", "vae"). Raises RecipeError.

        package, kind: the library and its class; name: the part's folder; more: for its
        `from_pretrained`.
        """
        cls = getattr(library(package), kind)
        try:
            return cls.from_pretrained(self.folder / name, local_files_only=True, **more)
        except (OSError, ValueError, KeyError) as err:
            raise RecipeError([f"model.path: {self.folder / name}: {err}"]) from err

    def model(self, package: str, kind: str, name: str, dtype: torch.dtype | None = None) -> Any:
        """Load a part that has weights, from safetensors alone, frozen and in evaluation mode.

        dtype: None for the checkpoint's. Raises RecipeError.
        """
        module = self.part(package, kind, name, dtype=dtype or self.dtype, use_safetensors=True)
        return module.requires_grad_(False).eval()

    def settings(self, name: str, file: str) -> dict[str, Any]:
        """The JSON file of a part; name: its folder, "" for the pipeline's own."""
        settings: dict[str, Any] = json.loads((self.folder / name / file).read_text())
        return settings


def open_checkpoint(options: AdapterOptions, kind: str) -> Checkpoint:
    """The checkpoint at options.path. kind: diffusers' class of its pipeline.

    Raises RecipeError if there is none, or one of another kind.
    """
    folder = Path(options.path)
    index = folder / "model_index.json"
    try:
        actual = str(json.loads(index.read_text())["_class_name"])
    except OSError as err:
        raise RecipeError([f"model.path: {index} cannot be read: {err.strerror}"]) from err
    except (ValueError, KeyError, TypeError) as err:
        raise RecipeError([f"model.path: {index} is no index of a pipeline"]) from err
    if actual != kind:
        raise RecipeError([f"model.path: {folder} holds a {actual}, expected a {kind}"])
    return Checkpoint(folder, getattr(torch, options.dtype))


def text_pipeline(checkpoint: Checkpoint, kind: str) -> Any:
    """A pipeline with its text encoders alone, so that its own `encode_prompt` can be called."""
    return checkpoint.part(
        "diffusers", kind, "", dtype=checkpoint.dtype, use_safetensors=True,
        transformer=None, vae=None,
    )  # fmt: skip


def library(name: str) -> Any:
    """Import diffusers or transformers and silence its progress bars.

    Raises RecipeError if it is not installed.
    """
    try:
        module = importlib.import_module(name)
    except ImportError as err:
        raise RecipeError([f"model.kind: needs {name}: pip install 'vbdata[editors]'"]) from err
    module.utils.logging.disable_progress_bar()
    return module
