"""The encoders worth choosing, with a reason each.

What open_clip knows of them is repeated here so that importing it (seconds) can wait until an encoder runs; a test
holds the two together. Sizes are those of the weight files at the hub.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from geoloc_core.encoders.checkpoints import HubWeights, LocalFolder, Preprocess, Source
from geoloc_core.errors import EncoderError
from geoloc_core.paths import ASSETS


@dataclass(frozen=True)
class Preset:
    """An encoder with a name, and why one would choose it. `base` is the preset that it builds on, if any."""

    name: str
    title: str
    reason: str
    licence: str
    dim: int
    source: Source | None = None
    download_bytes: int = 0
    base: str = ""

    @property
    def hub(self) -> HubWeights | None:
        """Where `fetch` gets its weights; None if there is nothing to fetch."""
        return self.source if isinstance(self.source, HubWeights) else None


_HALF = (0.5, 0.5, 0.5)

_ALL = (
    Preset(
        name="starter",
        title="Starter (trained on the Atlas)",
        reason="Ships with Geoloc, so the app answers at once; its answers mean nothing for real photos.",
        licence="Apache-2.0",
        dim=256,
        source=LocalFolder(ASSETS / "checkpoints" / "starter"),
    ),
    Preset(
        name="clip-l14",
        title="CLIP ViT-L/14 (OpenAI)",
        reason="The encoder of the Img2Loc and GeoCLIP papers, so their published figures can be compared.",
        licence="MIT",
        dim=768,
        source=HubWeights(
            model="ViT-L-14",
            tag="openai",
            repo="timm/vit_large_patch14_clip_224.openai",
            preprocess=Preprocess(),
            quick_gelu=True,
            fetch_as="clip-l14",
        ),
        download_bytes=1_710_000_000,
    ),
    Preset(
        name="siglip2",
        title="SigLIP 2 SO400M, 384 px",
        reason=(
            "SigLIP 2 has the strongest retrieval without training that is reported: nearest neighbour over MP-16 puts "
            "37.6 % of Im2GPS3k within 25 km. At 384 px more of the text on signs survives; without a GPU it is slow."
        ),
        licence="Apache-2.0",
        dim=1152,
        source=HubWeights(
            model="ViT-SO400M-16-SigLIP2-384",
            tag="webli",
            repo="timm/ViT-SO400M-16-SigLIP2-384",
            preprocess=Preprocess((384, 384), _HALF, _HALF, resize_mode="squash"),
            fetch_as="siglip2",
        ),
        download_bytes=4_540_000_000,
    ),
    Preset(
        name="mobileclip2",
        title="MobileCLIP2-S2 (Apple)",
        reason="Made for phones, so fast without a GPU. Its licence allows research only.",
        licence="Apple Machine Learning Research Model License (apple-amlr): research only",
        dim=512,
        source=HubWeights(
            model="MobileCLIP2-S2",
            tag="dfndr2b",
            repo="timm/MobileCLIP2-S2-OpenCLIP",
            preprocess=Preprocess((256, 256), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), interpolation="bilinear"),
            fetch_as="mobileclip2",
        ),
        download_bytes=398_000_000,
    ),
    Preset(
        name="im2gps",
        title="Im2GPS descriptor (2008)",
        reason="Hand-crafted, no download, milliseconds a photo: the baseline that every learned encoder should beat.",
        licence="Apache-2.0",
        dim=1024,
    ),
)
_ON_CLIP = Preset(
    name="geoclip",
    title="GeoCLIP",
    reason=(
        "CLIP ViT-L/14 brought into one space with places, so that a photo can be compared with bare coordinates; for "
        "galleries of locations. Its own weights come with the package geoclip."
    ),
    licence="MIT",
    dim=512,
    base="clip-l14",
)
_ON_STARTER = Preset(
    name="geoclip-starter",
    title="GeoCLIP starter (trained on the Atlas)",
    reason="The same architecture, small, over the starter encoder; its answers mean nothing for real photos.",
    licence="Apache-2.0",
    dim=128,
    base="starter",
)
PRESETS = {preset.name: preset for preset in (*_ALL, _ON_CLIP, _ON_STARTER)}


def hub_weights(name: str) -> HubWeights:
    """Where the weights of a preset or of MODEL/TAG lie at the hub.

    Raises:
        EncoderError: there is no such encoder, or nothing to fetch for it.
    """
    if preset := PRESETS.get(name):
        preset = PRESETS[preset.base] if preset.base else preset
        if not preset.hub:
            raise EncoderError(f"The encoder {name} has nothing to fetch: it is ready as it is.")
        return preset.hub
    model, slash, tag = name.removeprefix("open_clip:").partition("/")
    if not slash:
        fetchable = ", ".join(preset.name for preset in _ALL if preset.hub)
        raise EncoderError(f"There is no encoder {name!r} to fetch. Choose one of {fetchable}, or MODEL/TAG.")
    return pretrained(model, tag)


def local_checkpoint(path: Path) -> LocalFolder:
    """The checkpoint in a folder, named by its absolute path."""
    return LocalFolder(path.expanduser().absolute())


def pretrained(model: str, tag: str) -> HubWeights:
    """Any pretrained pair that open_clip knows. Imports open_clip unless the pair is a preset's.

    Raises:
        EncoderError: open_clip does not know the pair, or its weights are not at the hub.
    """
    for preset in _ALL:
        if preset.hub and (preset.hub.model, preset.hub.tag) == (model, tag):
            return preset.hub
    import open_clip

    tags = open_clip.list_pretrained_tags_by_model(model)
    facts, config = open_clip.get_pretrained_cfg(model, tag), open_clip.get_model_config(model)
    if not facts or not config:
        known = f"it knows {', '.join(tags)} for {model}" if tags else "open_clip.list_pretrained() shows what it knows"
        raise EncoderError(f"open_clip knows no pretrained {model}/{tag}; {known}. Correct the name.")
    repo, _, file = facts.get("hf_hub", "").rpartition("/")
    if not repo:
        raise EncoderError(f"The weights of {model}/{tag} are not at the hub. Choose another tag: {', '.join(tags)}.")
    files = (file.rpartition(".")[0] + ".safetensors", file) if file else HubWeights.files
    size = config["vision_cfg"].get("image_size", 224)
    gelu = bool(facts.get("quick_gelu") or config.get("quick_gelu"))
    return HubWeights(model, tag, repo, Preprocess.from_open_clip({**facts, "size": size}), gelu, files)
