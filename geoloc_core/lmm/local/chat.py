"""A question as a local model reads it: its own chat template, and text that cannot pass for the chat's frame."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from geoloc_core.errors import LmmError, LmmRefused

if TYPE_CHECKING:
    from PIL.Image import Image

_MARK = "textgoeshere"
_MEDIA = ("image_token", "video_token", "audio_token")


def inputs_for(processor: Any, prompt: str, images: Sequence[Image]) -> Any:
    """The model's input tensors (a `BatchFeature`): all images, then the prompt, in one turn of a user.

    Raises:
        LmmRefused: the prompt holds a control token that cannot be told from text.
        LmmError: the model's chat template cannot be used.
    """
    text = neutral(processor, prompt, images)
    if processor.chat_template is None:
        return processor(text=_plain(processor, text, images), images=list(images) or None, return_tensors="pt")
    try:
        return processor.apply_chat_template(
            _turn(text, images), add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
        )
    except Exception as error:
        raise _unusable(error) from error


def neutral(processor: Any, prompt: str, images: Sequence[Image] = ()) -> str:
    """The prompt with a space inside everything that the model would read as the frame of a chat.

    That is each special token, and each word of the chat's frame that is no ordinary word, such as `ASSISTANT:` or
    `[/INST]`: names of places and photos come from outside.

    Raises:
        LmmRefused: a control token is left all the same, by a tokenizer that rewrites text before it looks for them.
        LmmError: the model's chat template cannot be used.
    """
    tokens = _control_tokens(processor)
    words = sorted(tokens | _frame_words(processor, tokens, images), key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, words)) or "(?!)")
    text, before = prompt, ""
    while text != before:
        before, text = text, pattern.sub(lambda found: f"{found[0][:-1]} {found[0][-1]}" if found[0][1:] else " ", text)
        if len(text) > 2 * len(prompt):
            raise _left(next(iter(pattern.findall(text)), ""))
    tokenizer = processor.tokenizer
    control = set(tokenizer.convert_tokens_to_ids(sorted(tokens))) - {tokenizer.unk_token_id}
    if left := control & set(tokenizer(text, add_special_tokens=False)["input_ids"]):
        raise _left(str(tokenizer.convert_ids_to_tokens(min(left))))
    return text


def _control_tokens(processor: Any) -> set[str]:
    added = processor.tokenizer.added_tokens_decoder.values()
    found = {token.content for token in added if token.special} | set(processor.tokenizer.all_special_tokens)
    return {str(token) for token in (*found, *(getattr(processor, name, None) for name in _MEDIA)) if token}


def _frame_words(processor: Any, tokens: set[str], images: Sequence[Image]) -> set[str]:
    """Words with a letter that the chat is framed with and that hold more than letters, ends of sentences aside."""
    if processor.chat_template is None:
        frame = _plain(processor, _MARK, images)
    else:
        try:
            frame = processor.apply_chat_template(_turn(_MARK, images), add_generation_prompt=True, tokenize=False)
        except Exception as error:
            raise _unusable(error) from error
    for token in (_MARK, *sorted(tokens, key=len, reverse=True)):
        frame = frame.replace(token, " ")
    words = (word.strip(".,;!?'\"()") for word in frame.split())
    return {word for word in words if re.search(r"[^\W\d_]", word) and re.search(r"[^\w'-]", word)}


def _turn(text: str, images: Sequence[Image]) -> list[dict[str, Any]]:
    content = [*({"type": "image", "image": image} for image in images), {"type": "text", "text": text}]
    return [{"role": "user", "content": content}]


def _plain(processor: Any, text: str, images: Sequence[Image]) -> str:
    """LLaVA 1.5's format, for models without a chat template."""
    line = (getattr(processor, "image_token", None) or "<image>") + "\n"
    return f"USER: {line * len(images)}{text} ASSISTANT:"


def _unusable(error: Exception) -> LmmError:
    return LmmError(f"The model's chat template cannot be used ({str(error)[:200]}). Choose another model.")


def _left(token: str) -> LmmRefused:
    return LmmRefused(
        f"The prompt holds {token!r}, with which this model's chats are controlled, in a form that cannot be told from "
        "text. Take it out of the prompt."
    )
