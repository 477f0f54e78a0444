"""Joint attention for Qwen-Image's blocks in which a picture's tokens can be hidden, too."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


class MaskedAttention:
    """diffusers' processor QwenDoubleStreamAttnProcessor2_0, which masks texts only, with `seen`.

    seen: bool[B, tokens of the pictures], which of these tokens count; None for all.
    """

    def __call__(
        self,
        attn: Any,
        hidden_states: Tensor,
        encoder_hidden_states: Tensor,
        attention_mask: None = None,
        encoder_hidden_states_mask: Tensor | None = None,
        image_rotary_emb: tuple[Tensor, Tensor] | None = None,
        seen: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """What to add to the pictures' tokens and to the text's, [B, tokens, dim] each."""
        assert image_rotary_emb is not None, "the model's positions"
        turn_picture, turn_text = image_rotary_emb
        text, pictures = encoder_hidden_states, hidden_states
        read = _read(attn, text, TEXT, turn_text), _read(attn, pictures, PICTURES, turn_picture)
        parts = zip(*read, strict=True)
        q, k, v = (torch.cat(pair, 1).transpose(1, 2) for pair in parts)
        mask = _joined(encoder_hidden_states_mask, seen, text, pictures)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        mixed = mixed.transpose(1, 2).flatten(2).to(q.dtype)
        for_text, for_pictures = mixed[:, : text.shape[1]], mixed[:, text.shape[1] :]
        return attn.to_out[1](attn.to_out[0](for_pictures)), attn.to_add_out(for_text)


PICTURES = ("to_q", "to_k", "to_v", "norm_q", "norm_k")
TEXT = ("add_q_proj", "add_k_proj", "add_v_proj", "norm_added_q", "norm_added_k")


def _read(attn: Any, x: Tensor, names: tuple[str, ...], turn: Tensor) -> tuple[Tensor, ...]:
    """Queries, keys and values of some tokens, [B, tokens, heads, channels of a head]."""
    from diffusers.models.transformers.transformer_qwenimage import apply_rotary_emb_qwen

    turned: Any = apply_rotary_emb_qwen  # annotated as returning pairs, which it does not

    to_q, to_k, to_v, norm_q, norm_k = (getattr(attn, name) for name in names)
    heads = (-1, attn.inner_dim // attn.heads)
    q, k, v = (to(x).unflatten(-1, heads) for to in (to_q, to_k, to_v))
    q, k = (turned(norm(one), turn, use_real=False) for norm, one in ((norm_q, q), (norm_k, k)))
    return q, k, v


def _joined(of_text: Tensor | None, seen: Tensor | None, text: Tensor, x: Tensor) -> Tensor | None:
    """Both masks as one, bool[B, 1, 1, all tokens]; None if nothing is hidden."""
    if of_text is None and seen is None:
        return None
    masks = ((of_text, text), (seen, x))
    whole = [x.new_ones(t.shape[:2], dtype=torch.bool) if m is None else m for m, t in masks]
    return torch.cat(whole, 1)[:, None, None]
