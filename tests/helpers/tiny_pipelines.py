"""Random pipelines of a few hundred thousand weights, in the folders that diffusers' own have.

Nothing is fetched: the tokenizers' merges are learnt here from a few sentences over all bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import torch

needs_editors = pytest.mark.skipif(
    not find_spec("diffusers"), reason="the real editors need vbdata[editors]"
)

SENTENCES = [
    "Paint the depth of the scene, near is black and far is white.",
    "Colour every chair red and every table blue; the rest is black.",
    "Turn the picture into a map of its surface normals.",
]
CLIP_ENDS = ("<|startoftext|>", "<|endoftext|>")
QWEN_MARKS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)
CHAT = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n\n</think>\n\n{% endif %}"
)


def merges(marks: Sequence[str], end: str = "") -> tuple[dict[str, int], list[tuple[str, str]]]:
    """A byte-level BPE's vocabulary and merges; end: what a word's last piece ends in."""
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    suffix = {"end_of_word_suffix": end} if end else {}
    tokenizer = Tokenizer(models.BPE(**suffix))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=list(marks),
        initial_alphabet=alphabet,
        **suffix,
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    made = json.loads(tokenizer.to_str())["model"]
    vocabulary = dict(made["vocab"])
    for letter in sorted(alphabet):  # a byte may end a word, too
        vocabulary.setdefault(letter + end, len(vocabulary))
    return vocabulary, [(a, b) for a, b in made["merges"]]


def clip_tokenizer() -> Any:
    from transformers import CLIPTokenizer

    vocabulary, pairs = merges(CLIP_ENDS, "</w>")
    return CLIPTokenizer(vocab=vocabulary, merges=pairs, model_max_length=77)


def clip_text(width: int, tokens: int) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel

    config = CLIPTextConfig(
        vocab_size=tokens,
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
        projection_dim=width,
    )
    return CLIPTextModel(config)


def scattered(module: torch.nn.Module, std: float = 0.2) -> Any:
    """Weights away from their starting values, so that no part of the model is without effect."""
    import torch

    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter) * std / max(1, parameter[0].numel()) ** 0.5)
    return module.eval()


def kl_autoencoder(latents: int, **config: Any) -> Any:
    from diffusers import AutoencoderKL

    return scattered(
        AutoencoderKL(
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            block_out_channels=(8, 8, 16, 16),
            layers_per_block=1,
            norm_num_groups=4,
            latent_channels=latents,
            **config,
        )
    )


def flow_scheduler() -> Any:
    """As the checkpoints of FLUX have it: shifted by the number of tokens."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    return FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True)


def flux1_kontext(folder: Path) -> None:
    """FluxKontextPipeline with a guidance embedding, as the released one has."""
    import torch
    from diffusers import FluxKontextPipeline, FluxTransformer2DModel
    from transformers import T5Config, T5EncoderModel, T5TokenizerFast

    torch.manual_seed(1)
    clip = clip_tokenizer()
    letters = [(chr(code), -3.0) for code in range(33, 127)]
    ends = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("\u2581", -2.0)]
    t5 = T5TokenizerFast(vocab=ends + letters, extra_ids=0, model_max_length=512)
    width = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}
    encoder = T5EncoderModel(T5Config(vocab_size=len(t5), feed_forward_proj="gated-gelu", **width))
    transformer = FluxTransformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        pooled_projection_dim=32,
        guidance_embeds=True,
        axes_dims_rope=(4, 6, 6),
    )
    FluxKontextPipeline(
        scheduler=flow_scheduler(),
        vae=kl_autoencoder(
            4,
            use_quant_conv=False,
            use_post_quant_conv=False,
            scaling_factor=0.36,
            shift_factor=0.12,
        ),
        text_encoder=scattered(clip_text(32, len(clip))),
        tokenizer=clip,
        text_encoder_2=scattered(encoder),
        tokenizer_2=t5,
        transformer=scattered(transformer, 1.0),
    ).save_pretrained(folder)


def instruct_pix2pix(folder: Path) -> None:
    """StableDiffusionInstructPix2PixPipeline; the noise schedule is that of Stable Diffusion."""
    import torch
    from diffusers import (
        DDIMScheduler,
        StableDiffusionInstructPix2PixPipeline,
        UNet2DConditionModel,
    )

    torch.manual_seed(2)
    clip = clip_tokenizer()
    unet = UNet2DConditionModel(
        in_channels=8,
        out_channels=4,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        cross_attention_dim=32,
        attention_head_dim=8,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        steps_offset=1,
    )
    StableDiffusionInstructPix2PixPipeline(
        vae=kl_autoencoder(4, scaling_factor=0.18215),
        text_encoder=scattered(clip_text(32, len(clip))),
        tokenizer=clip,
        unet=scattered(unet, 0.5),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)


def qwen_tokenizer() -> Any:
    from transformers import Qwen2TokenizerFast

    vocabulary, pairs = merges(QWEN_MARKS)
    made = Qwen2TokenizerFast(vocab=vocabulary, merges=pairs, chat_template=CHAT)
    made.add_special_tokens({"additional_special_tokens": list(QWEN_MARKS[1:])})
    assert made.convert_tokens_to_ids(list(QWEN_MARKS)) == list(range(len(QWEN_MARKS)))
    return made


def flux2_klein(folder: Path) -> None:
    """Flux2KleinPipeline of the base (not distilled) kind, with statistics in its batch norm."""
    import torch
    from diffusers import AutoencoderKLFlux2, Flux2KleinPipeline, Flux2Transformer2DModel
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(3)
    tokenizer = qwen_tokenizer()
    language = Qwen3ForCausalLM(
        Qwen3Config(
            vocab_size=len(tokenizer),
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=28,  # the pipeline reads the states after 9, 18 and 27
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
            max_position_embeddings=1024,
        )
    )
    vae = AutoencoderKLFlux2(
        block_out_channels=(8, 8, 16, 16),
        layers_per_block=1,
        norm_num_groups=4,
        latent_channels=4,
    )
    scattered(vae)
    vae.bn.running_mean.normal_()
    vae.bn.running_var.uniform_(0.5, 2.0)
    transformer = Flux2Transformer2DModel(
        in_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=48,
        timestep_guidance_channels=32,
        guidance_embeds=False,
        axes_dims_rope=(4, 4, 4, 4),
    )
    Flux2KleinPipeline(
        scheduler=flow_scheduler(),
        vae=vae,
        text_encoder=scattered(language, 0.05),
        tokenizer=tokenizer,
        transformer=scattered(transformer, 2.0),
        is_distilled=False,
    ).save_pretrained(folder)


def qwen_image_edit(folder: Path) -> None:
    """QwenImageEditPlusPipeline as 2511 is; the processor's folder is written by its parts.

    The processor itself cannot be made without torchvision: it insists on a reader of videos.
    """
    import torch
    from diffusers import (
        AutoencoderKLQwenImage,
        FlowMatchEulerDiscreteScheduler,
        QwenImageEditPlusPipeline,
        QwenImageTransformer2DModel,
    )
    from transformers import Qwen2VLImageProcessorPil

    torch.manual_seed(4)
    tokenizer = qwen_tokenizer()
    vae = AutoencoderKLQwenImage(
        base_dim=8,
        z_dim=4,
        dim_mult=[1, 2, 2, 2],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.3, -0.2, 0.1, 0.0],
        latents_std=[1.5, 0.7, 1.1, 0.9],
    )
    transformer = QwenImageTransformer2DModel(
        in_channels=16,
        out_channels=4,
        num_layers=2,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=32,
        axes_dims_rope=(4, 6, 6),
        zero_cond_t=True,  # 2511 has it, 2509 has not
    )
    scheduler = FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True, max_shift=0.9, max_image_seq_len=8192, shift_terminal=0.02
    )
    QwenImageEditPlusPipeline(
        scheduler=scheduler,
        vae=scattered(vae),
        text_encoder=scattered(qwen_vision_language(tokenizer), 0.5),
        tokenizer=tokenizer,
        processor=None,
        transformer=scattered(transformer, 2.0),
    ).save_pretrained(folder)
    for part in (tokenizer, Qwen2VLImageProcessorPil()):
        part.save_pretrained(folder / "processor")
    index = folder / "model_index.json"
    named = json.loads(index.read_text()) | {"processor": ["transformers", "Qwen2VLProcessor"]}
    index.write_text(json.dumps(named))


def qwen_vision_language(tokenizer: Any) -> Any:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    names = {"vision_start": "vision_start", "vision_end": "vision_end"}
    names |= {"image": "image_pad", "video": "video_pad", "bos": "im_start", "eos": "im_end"}
    marks = {f"{k}_token_id": QWEN_MARKS.index(f"<|{mark}|>") for k, mark in names.items()}
    language = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "rope_parameters": {
            "rope_type": "default",
            "mrope_section": [2, 3, 3],
            "rope_theta": 1e6,
        },
        "bos_token_id": marks["bos_token_id"],
        "eos_token_id": marks["eos_token_id"],
    }
    vision = {
        "depth": 2,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_heads": 2,
        "out_hidden_size": 32,
        "fullatt_block_indexes": [1],
    }
    return Qwen2_5_VLForConditionalGeneration(
        Qwen2_5_VLConfig(text_config=language, vision_config=vision, **marks)
    )


def qwen_processor(folder: Path) -> Any:
    """transformers' own processor without the reader of videos, which needs torchvision."""
    from transformers import Qwen2Tokenizer, Qwen2VLImageProcessorPil, Qwen2VLProcessor

    class WithoutVideos(Qwen2VLProcessor):
        def __init__(self, image_processor: Any, tokenizer: Any) -> None:
            super().__init__(image_processor, tokenizer)

    images = Qwen2VLImageProcessorPil.from_pretrained(folder / "processor")
    return WithoutVideos(images, Qwen2Tokenizer.from_pretrained(folder / "processor"))


def loaded(kind: str, folder: Path) -> Any:
    """diffusers' own pipeline of a folder."""
    import diffusers

    qwen = kind == "qwen_image_edit"
    more = {"processor": qwen_processor(folder)} if qwen else {}
    found = diffusers.DiffusionPipeline.from_pretrained(folder, local_files_only=True, **more)
    found.set_progress_bar_config(disable=True)
    if qwen:
        tell_token_types(found.text_encoder)
    return found


def tell_token_types(encoder: Any) -> None:
    """Say which tokens are an image's, as transformers 4 found out by itself and 5 must be told."""

    def told(_: Any, args: Any, given: dict[str, Any]) -> Any:
        kinds = (given["input_ids"] == encoder.config.image_token_id).int()
        return args, given | {"mm_token_type_ids": kinds}

    encoder.register_forward_pre_hook(told, with_kwargs=True)


def keep_qwens_reference(patch: Any, size: tuple[int, int]) -> None:
    """Let the pipeline leave its reference at its own size (height, width) for the autoencoder."""
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as module

    usual, area = module.calculate_dimensions, module.VAE_IMAGE_SIZE
    patch.setattr(
        module,
        "calculate_dimensions",
        lambda wanted, ratio: size[::-1] if wanted == area else usual(wanted, ratio),
    )


def qwen_without_image(edit: Any, asked: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The same model as text to image: the editing pipeline wants an image, its text does not."""
    from diffusers import QwenImagePipeline

    parts = ("scheduler", "vae", "text_encoder", "tokenizer", "transformer")
    made = QwenImagePipeline(**{name: getattr(edit, name) for name in parts})
    made.set_progress_bar_config(disable=True)
    embeds, mask = edit.encode_prompt(asked["prompt"])
    rest = {k: v for k, v in asked.items() if k not in ("prompt", "image")}
    return made, rest | {"prompt_embeds": embeds, "prompt_embeds_mask": mask}


BUILDERS: dict[str, Callable[[Path], None]] = {
    "flux1_kontext": flux1_kontext,
    "instruct_pix2pix": instruct_pix2pix,
    "flux2_klein": flux2_klein,
    "qwen_image_edit": qwen_image_edit,
}
