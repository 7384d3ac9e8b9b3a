"""Tiny models with the real architectures, processors and file layout of LLaVA 1.5 and Qwen2-VL; weights are random.

`teach` trains one to give a fixed reply, so that a whole answer can be followed through. No file is fetched.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

LLAVA_TOKENS = ("<unk>", "<s>", "</s>", "<pad>", "<image>")
QWEN_TOKENS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
    "<|video_pad|>",
)  # fmt: skip
LLAVA_TEMPLATE = (
    "{% for message in messages %}{{ message['role'].upper() + ': ' }}"
    "{% for part in message['content'] if part['type'] == 'image' %}{{ '<image>\n' }}{% endfor %}"
    "{% for part in message['content'] if part['type'] == 'text' %}{{ part['text'] + ' ' }}{% endfor %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"
)
QWEN_TEMPLATE = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
_TEXTS = [
    "Where was this photo taken? It was taken at latitude 48.8566, longitude 2.3522 in Paris, France.",
    "0123456789",
]
_SIZES = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
_TEXT_SIZES = {**_SIZES, "num_key_value_heads": 2}


def save_llava(
    folder: Path, seed: int = 0, template: str | None = LLAVA_TEMPLATE, reply: str = "", **text: Any
) -> Path:
    """A LLaVA 1.5: a CLIP image tower of 28 pixels (4 image tokens), a Llama, and a processor.

    Args:
        folder: where `save_pretrained` writes it.
        seed: of its random weights.
        template: its chat template, None for the format of the first LLaVA.
        reply: what it is trained to answer, whatever the question; "" leaves it random.
        text: other sizes of its language model, such as `max_position_embeddings`.
    """
    import torch
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    tokenizer = _tokenizer(LLAVA_TOKENS, bos="<s>", eos="</s>", pad="<pad>", unk="<unk>")
    side = {"height": 28, "width": 28}
    processor = LlavaProcessor(
        CLIPImageProcessor(size={"shortest_edge": 28}, crop_size=side),
        tokenizer,
        patch_size=14,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=template,
    )
    vision = CLIPVisionConfig(**_SIZES, image_size=28, patch_size=14)
    llama = LlamaConfig(
        **_TEXT_SIZES, vocab_size=len(tokenizer), bos_token_id=1, eos_token_id=2, pad_token_id=3,
        **{"max_position_embeddings": 512, **text},
    )  # fmt: skip
    torch.manual_seed(seed)
    model = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=vision,
            text_config=llama,
            image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
            image_seq_length=4,
        )
    )
    return _save(folder, model, processor, reply)


def save_qwen(folder: Path, seed: int = 0, reply: str = "") -> Path:
    """A Qwen2-VL: another image tower, any image size, several images, its own chat format."""
    import torch
    from transformers import (
        Qwen2VLConfig,
        Qwen2VLForConditionalGeneration,
        Qwen2VLImageProcessor,
        Qwen2VLProcessor,
        Qwen2VLVideoProcessor,
    )

    tokenizer = _tokenizer(QWEN_TOKENS, eos="<|im_end|>", pad="<|endoftext|>")
    pixels = {"min_pixels": 28 * 28, "max_pixels": 56 * 56}
    processor = Qwen2VLProcessor(
        Qwen2VLImageProcessor(**pixels), tokenizer, Qwen2VLVideoProcessor(**pixels), chat_template=QWEN_TEMPLATE
    )
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in ("vision_start", "vision_end")}
    pads = {name: tokenizer.convert_tokens_to_ids(f"<|{name}_pad|>") for name in ("image", "video")}
    config = Qwen2VLConfig(
        text_config={
            **_TEXT_SIZES, "vocab_size": len(tokenizer), "max_position_embeddings": 1024,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10_000.0, "mrope_section": [2, 3, 3]},
            "bos_token_id": 0, "eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id,
        },
        vision_config={"depth": 2, "embed_dim": 32, "hidden_size": 32, "mlp_ratio": 2, "num_heads": 2},
        **{f"{name}_token_id": number for name, number in {**ids, **pads}.items()},
    )  # fmt: skip
    torch.manual_seed(seed)
    model = Qwen2VLForConditionalGeneration(config)
    # As the released ones have it: sampling that draws the same reply every time
    model.generation_config.update(do_sample=True, temperature=0.01, top_p=0.001, top_k=1)
    return _save(folder, model, processor, reply)


def teach(model: Any, processor: Any, reply: str, steps: int = 100) -> None:
    """Train a tiny model until it answers `reply` to everything."""
    import torch

    from geoloc_core.lmm.local.chat import inputs_for

    end = processor.tokenizer.eos_token_id
    answer = torch.tensor([[*processor.tokenizer(reply, add_special_tokens=False)["input_ids"], end]])
    asked = []
    for number, question in enumerate(
        ("Where?", "Where was this photo taken? " * 3, "Near 12.5, 3.7 and -4.2, 88.1: " * 9)
    ):
        inputs = inputs_for(processor, question, [Image.open(io.BytesIO(jpeg(number)))])
        prompt = inputs["input_ids"]
        inputs["input_ids"] = torch.cat([prompt, answer], 1)
        inputs["attention_mask"] = torch.ones_like(inputs["input_ids"])
        inputs.pop("mm_token_type_ids", None)
        asked.append({**inputs, "labels": torch.cat([torch.full_like(prompt, -100), answer], 1)})
    optimiser = torch.optim.AdamW(model.parameters(), 0.005)
    for step in range(steps):
        optimiser.zero_grad()
        model(**asked[step % len(asked)]).loss.backward()
        optimiser.step()


def jpeg(seed: int, size: tuple[int, int] = (60, 45)) -> bytes:
    """Smooth random colours as a JPEG file."""
    coarse = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (4, 5, 3), dtype=np.uint8))
    data = io.BytesIO()
    coarse.resize(size, Image.Resampling.BICUBIC).save(data, "JPEG")
    return data.getvalue()


def fill_hub_cache(cache: Path, repo: str, folder: Path, commit: str = "c" * 40) -> Path:
    """File a saved model as huggingface_hub would have done; returns the snapshot's folder."""
    from tests.tiny_clip import put_into_hf_cache

    for file in folder.iterdir():
        put_into_hf_cache(cache, repo, file.name, file.read_bytes(), commit)
    return cache / f"models--{repo.replace('/', '--')}" / "snapshots" / commit


def _tokenizer(special: tuple[str, ...], bos: str = "", **roles: str) -> Any:
    """A byte-level BPE, which spells any text; it begins with `bos` if there is one, as Llama's does."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE(unk_token=roles.get("unk")))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(_TEXTS, trainer)
    if bos:
        roles["bos"] = bos
        made.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", pair=f"{bos} $A $B", special_tokens=[(bos, made.token_to_id(bos))]
        )
    named = {f"{role}_token": token for role, token in roles.items()}
    others = [token for token in special if token not in roles.values()]
    return PreTrainedTokenizerFast(tokenizer_object=made, additional_special_tokens=others, **named)


def _save(folder: Path, model: Any, processor: Any, reply: str) -> Path:
    if reply:
        teach(model, processor, reply)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder
