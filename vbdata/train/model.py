"""The default model, kind "flow": a small pixel-space flow transformer with its own text encoder.

A plain vision transformer that predicts the clean picture from large patches through a bottleneck
(JiT: Li & He, arXiv:2511.13720): RMSNorm, SwiGLU, QK-norm, rotary positions in two dimensions, and
adaptive norms by t and text (Peebles & Xie, arXiv:2212.09748). The reference image is stacked on
the noisy one with a plane that says whether it is known, so text-to-image is the same path with a
blank input. Text is cut into words and signs, these into pieces of up to eight UTF-8 bytes; a
piece is embedded from its bytes (so there is no vocabulary, and a word looks the same wherever it
stands), and a small transformer over the pieces is read by cross attention in each block.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from torch import Tensor, nn

from vbdata.train.adapter import Condition
from vbdata.train.layers import Attention, Norm, SwiGLU, places, turns, turns_2d, waves

PIECE = 8  # bytes
NONE = 256  # no byte; a piece without any is padding
WORD = re.compile(r"\w+|[^\w\s]")
TEXT_STEP = 16  # texts are padded to multiples of this many pieces, so that few shapes occur
Count = Annotated[int, Field(ge=1, le=65536)]
Ints = NDArray[np.int64]


class Options(BaseModel):
    """Sizes. patch in pixels; bottleneck: width of a patch's embedding; text_length in pieces."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dim: Count = 128
    depth: Count = 6
    heads: Count = 4
    patch: Count = 4
    bottleneck: Count = 128
    text_dim: Count = 128
    text_depth: Count = 2
    text_length: Count = 128

    @model_validator(mode="after")
    def _divisible(self) -> Options:
        if self.dim % (4 * self.heads) or self.text_dim % (2 * self.heads) or self.dim % 8:
            raise ValueError("dim must be a multiple of 8 and 4 * heads, text_dim of 2 * heads")
        return self


class TextBlock(nn.Module):
    """A pre-norm transformer block over bytes."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(Norm(dim) for _ in range(2))
        self.attention, self.feed = Attention(dim, dim, heads), SwiGLU(dim)

    def forward(self, x: Tensor, turn: Tensor, seen: Tensor) -> Tensor:
        """x: [B, L, dim]."""
        y = self.norms[0](x)
        x = x + self.attention(y, y, turn, seen)
        return x + self.feed(self.norms[1](x))


class Block(nn.Module):
    """Self-attention and feed-forward with adaptive norms, and a look at the text in between."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        dim = options.dim
        self.norms = nn.ModuleList(Norm(dim) for _ in range(3))
        self.attention = Attention(dim, dim, options.heads)
        self.reading = Attention(dim, options.text_dim, options.heads)
        self.feed = SwiGLU(dim)
        self.adapt = nn.Linear(dim, 6 * dim)
        self.apply(_initialise)
        _silence(self.adapt)  # a block starts without self-attention and feed-forward

    def forward(self, x: Tensor, c: Tensor, turn: Tensor, text: Tensor, seen: Tensor) -> Tensor:
        """x: [B, n, dim]; c: [B, dim]; text: [B, L, text_dim]."""
        a, b, gate, a2, b2, gate2 = self.adapt(F.silu(c))[:, None].chunk(6, -1)
        y = self.norms[0](x) * (1 + a) + b
        x = x + gate * self.attention(y, y, turn)
        x = x + self.reading(self.norms[1](x), text, None, seen)
        return x + gate2 * self.feed(self.norms[2](x) * (1 + a2) + b2)


class FlowTransformer(nn.Module):
    """x from z, t, a reference image and bytes of text."""

    def __init__(self, options: Options) -> None:
        super().__init__()
        self.options = options
        dim, pixels = options.dim, 3 * options.patch**2
        self.patches = nn.Linear(7 * options.patch**2, options.bottleneck, bias=False)
        self.embed = nn.Linear(options.bottleneck, dim)
        self.time = nn.Sequential(nn.Linear(dim, dim), nn.SiLU(), nn.Linear(dim, dim))
        self.bytes = nn.Embedding(PIECE * (NONE + 1), options.text_dim)
        self.spelling = SwiGLU(options.text_dim)
        self.start = nn.Parameter(torch.zeros(options.text_dim))
        self.text_blocks = nn.ModuleList(
            TextBlock(options.text_dim, options.heads) for _ in range(options.text_depth)
        )
        self.text_norm = Norm(options.text_dim)
        self.gist = nn.Linear(options.text_dim, dim)
        self.blocks = nn.ModuleList(Block(options) for _ in range(options.depth))
        self.norm, self.adapt = Norm(dim), nn.Linear(dim, 2 * dim)
        self.pixels = nn.Linear(dim, pixels)
        self.bytes.apply(_initialise)
        parts = (self.patches, self.embed, self.time, self.gist, self.spelling, self.text_blocks)
        for part in parts:
            part.apply(_initialise)
        for layer in (self.pixels, self.adapt):
            _silence(layer)  # the output starts at grey

    def forward(
        self, z: Tensor, t: Tensor, reference: Tensor, known: Tensor, tokens: Tensor
    ) -> Tensor:
        """z, reference: float[B, 3, H, W]; t: float[B]; known: bool[B]; tokens: int64[B, L, 8]."""
        text, seen = self.read(tokens)
        plane = known.to(z.dtype)[:, None, None, None].expand(-1, 1, *z.shape[-2:])
        stacked = torch.cat([z, reference * plane, plane], 1)
        parts = F.pixel_unshuffle(stacked, self.options.patch)
        h, w = parts.shape[-2:]
        x = self.embed(self.patches(parts.flatten(2).transpose(1, 2)))
        x = x + places(h, w, x.shape[-1], x.device)
        turn = turns_2d(h, w, self.options.dim // self.options.heads, x.device)
        c = self.time(waves(t * 1000, x.shape[-1])) + self.gist(text[:, 0])
        for block in self.blocks:
            x = block(x, c, turn, text, seen)
        a, b = self.adapt(F.silu(c))[:, None].chunk(2, -1)
        out = self.pixels(self.norm(x) * (1 + a) + b).transpose(1, 2).unflatten(-1, (h, w))
        return F.pixel_shuffle(out, self.options.patch)

    def read(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """The text's pieces as vectors, and which of them count; the first stands for the whole."""
        seen = F.pad((tokens != NONE).any(-1), (1, 0), value=True)
        place = torch.arange(PIECE, device=tokens.device) * (NONE + 1)
        x = self.bytes(tokens + place).sum(-2)
        x = x + self.spelling(x)
        x = torch.cat([self.start.expand(len(x), 1, -1).to(x.dtype), x], 1)
        size = self.options.text_dim // self.options.heads
        turn = turns(torch.arange(x.shape[1], device=x.device), size)
        for block in self.text_blocks:
            x = block(x, turn, seen)
        return self.text_norm(x), seen


def _silence(layer: nn.Linear) -> None:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)


def pieces(text: str) -> list[bytes]:
    """Words and signs in UTF-8, the long ones in pieces of PIECE bytes; white space is left out."""
    words = (word.encode() for word in WORD.findall(text))
    return [word[at : at + PIECE] for word in words for at in range(0, len(word), PIECE)]


def padded(count: int) -> int:
    """To which length a batch is padded whose longest text has so many pieces."""
    return max(1, -(-count // TEXT_STEP)) * TEXT_STEP


class FlowEditor:
    """The transformer behind the adapter's four verbs; pixels need no encoding."""

    def __init__(self, options: Options) -> None:
        self.options = options
        network = FlowTransformer(options)
        self.module: nn.Module = network
        self.multiple_of = options.patch
        self.blocks: Sequence[nn.Module] = [*network.text_blocks, *network.blocks]

    def encode_image(self, rgb: Tensor) -> Tensor:
        """As it is."""
        return rgb

    def encode_text(self, texts: Sequence[str], where: torch.device) -> Tensor:
        """int64[B, L, PIECE]: the bytes of the pieces (cut at text_length), padded with NONE."""
        cut = self._pieces(texts)
        length = padded(max(map(len, cut)))
        raw = [row + [b""] * (length - len(row)) for row in cut]
        values = [[[*piece, *[NONE] * (PIECE - len(piece))] for piece in row] for row in raw]
        return torch.tensor(values).to(where, non_blocking=True)

    def text_table(
        self, texts: Sequence[str], where: torch.device
    ) -> Callable[[Ints, Tensor], Any]:
        """Tokens of all texts; those of some rows are as long as the longest of them."""
        whole = self.encode_text(texts, where)
        counts = np.array([len(row) for row in self._pieces(texts)])

        def some(rows: Ints, at: Tensor) -> Tensor:
            return whole[:, : padded(int(counts[rows].max()))].index_select(0, at)

        return some

    def _pieces(self, texts: Sequence[str]) -> list[list[bytes]]:
        return [pieces(text)[: self.options.text_length] for text in texts]

    def predict(self, z: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """x, by the module."""
        x: Tensor = self.module(z, t, condition.reference, condition.known, condition.text)
        return x

    def decode(self, x: Tensor) -> Tensor:
        """As it is."""
        return x


def make(options: Options) -> FlowEditor:
    """A freshly initialised model; set torch's seed before."""
    return FlowEditor(options)
