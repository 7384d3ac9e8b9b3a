"""About: what Geoloc is and is not, its methods, its responsible use, and whose work it stands on."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import streamlit as st

from geoloc_core import __version__
from pages.parts import frame

_WHAT = """
Geoloc answers one question, *where in the world was this photo taken?*, and shows what the answer rests on. Your
photo is turned into an embedding and compared with a **gallery** of photos whose places are known. The most similar
ones vote for their places; the place with the most votes is the prediction, and the spread of the votes is the
circle around it.

It can also **read what is written** in the photo: street names, notices, telephone numbers, number plates. Each is a
clue with a sentence of its own, and the clues together name the place.

Or a network chooses among **geo-cells**, parts of the world that are the smaller the more photos are taken there. It
looks at the photo and at a map of what is where in it, and shows what it looked at.
"""
_LIMITS = """
- **A prediction is a guess by resemblance.** It is right where similar photos of that place are in the gallery, and
  it can be thousands of kilometres off where they are not. Indoor scenes, close-ups and plain landscapes say little
  about a place.
- **The circle is not calibrated.** It holds 90 % of the model's own distribution; how often the truth lies inside
  has not been measured. Read it as *how much the votes agree*.
- **A multimodal model's words are claims.** It can name coordinates and convincing reasons for a place it has only
  guessed. Geoloc shows them apart from the evidence.
- **Signs can mislead.** A poster of Paris hangs in Tokyo, and readers misread letters. Each clue says what it rests on;
  strike what you do not believe.
- **Where a network looked is no reason.** Grad-CAM and attention rollout show which parts of a photo weigh in its
  answer, not why, and coarsely.
- **The starter gallery and the starter models are of a drawn world.** They let the app run at once on any machine;
  their answers mean nothing for real photos.
- **Galleries are uneven.** They hold many photos of places that many people photograph, and answers lean towards
  those.
"""
_USE = """
Where a photo was taken can put somebody at risk. Use Geoloc for your own photos, for research, for journalism and
for places, not to find out where a private person lives or is. Do not take a prediction as proof of anything: check
it against independent evidence. Before you publish a photo, remember that what this app can guess, others can too,
and that the photo's own metadata may say it outright.
"""
_PRIVACY = """
Your photo stays in this server's memory while this tab is open and for two minutes after. It is not written to disk,
not logged and not sent to anybody, and no other visitor sees it. The page asks no other server for anything, with three
exceptions that wait for your choice: a multimodal model, to whose server the button that names it sends the photo
without its metadata; an online map layer; and the links to maps elsewhere.
"""
_METHODS = """
| What | From |
|---|---|
| Locating by retrieval; the hand-crafted descriptor `im2gps` | J. Hays, A. A. Efros: *IM2GPS: estimating geographic information from a single image*, CVPR 2008 |
| Neighbours' votes through a kernel density (`knn`) | N. Vo, N. Jacobs, J. Hays: *Revisiting IM2GPS in the deep learning era*, ICCV 2017 |
| Nearest and farthest neighbours as evidence; asking a multimodal model (`img2loc`) | Z. Zhou et al.: *Img2Loc: revisiting image geolocalization using multi-modality foundation models and image-based retrieval-augmented generation*, SIGIR 2024 |
| Places and photos in one space; words to a map | V. Vivanco Cepeda, G. K. Nayak, M. Shah: *GeoCLIP: Clip-inspired alignment between locations and images for effective worldwide geo-localization*, NeurIPS 2023 |
| Reading signs (`signs`) | PP-OCR through [RapidOCR](https://github.com/RapidAI/RapidOCR), where installed [Tesseract](https://github.com/tesseract-ocr/tesseract); the clues and their combination are Geoloc's own |
| Geo-cells as classes (`planet`) | T. Weyand, I. Kostrikov, J. Philbin: *PlaNet: photo geolocation with convolutional neural networks*, ECCV 2016 |
| Cells at several scales, `f*`, one network a kind of scene (`isns`) | E. Müller-Budack, K. Pustu-Iren, R. Ewerth: *Geolocation estimation of photos using a hierarchical model and scene classification*, ECCV 2018 |
| Photo and segmentation map in two fused branches (`translocator`) | S. Pramanick et al.: *Where in the world is this image? Transformer-based geo-localization in the wild*, ECCV 2022 |
| What is where in a photo | E. Xie et al.: *SegFormer: simple and efficient design for semantic segmentation with transformers*, NeurIPS 2021; classes and colours of B. Zhou et al.: *Scene parsing through ADE20K dataset*, CVPR 2017 |
| Kinds of scenes | B. Zhou et al.: *Places: a 10 million image database for scene recognition*, TPAMI 2017 |
| What a network looked at | R. R. Selvaraju et al.: *Grad-CAM: visual explanations from deep networks via gradient-based localization*, ICCV 2017; S. Abnar, W. Zuidema: *Quantifying attention flow in transformers*, ACL 2020 |
| Encoder `clip-l14` | A. Radford et al.: *Learning transferable visual models from natural language supervision*, ICML 2021 |
| Encoder `siglip2` | M. Tschannen et al.: *SigLIP 2: multilingual vision-language encoders*, 2025 |
| Encoder `mobileclip2` | F. Faghri et al.: *MobileCLIP2: improving multi-modal reinforced training*, 2025 |
"""  # noqa: E501
_CREDITS = """
| What | Whose | Licence |
|---|---|---|
| Geoloc | its authors | Apache-2.0 |
| Land, borders and countries | [Natural Earth](https://www.naturalearthdata.com) | public domain |
| Names of towns | [GeoNames](https://www.geonames.org) | CC BY 4.0 |
| Models that read text | [PaddleOCR](https://github.com/PaddlePaddle/PaddleOCR), by way of RapidOCR | Apache-2.0 |
| Numbering plans | [libphonenumber](https://github.com/google/libphonenumber) | Apache-2.0 |
| Frequencies of words | [wordfreq](https://github.com/rspeer/wordfreq) | CC BY-SA 4.0 |
| GeoCLIP's weights and coordinates | [its authors](https://github.com/VicenteVivan/geo-clip) | MIT |
| Maps | [Leaflet](https://leafletjs.com) | BSD-2-Clause |
| Encoders | see *Galleries and models* | each its own |
| Photos of a gallery | see the gallery and the table under an answer | each its own |
| Typeface | Source Sans, which ships with Streamlit | SIL Open Font License 1.1 |
"""
_PACKAGES = (
    "streamlit",
    "streamlit-folium",
    "folium",
    "numpy",
    "pillow",
    "torch",
    "open_clip_torch",
    "rapidocr",
    "onnxruntime",
    "pyarrow",
    "shapely",
)


def draw() -> None:
    """The page."""
    with st.container(width=860):
        st.title("About Geoloc", anchor=False)
        st.markdown(_WHAT)
        for title, text in (
            ("What it cannot do", _LIMITS),
            ("Using it responsibly", _USE),
            ("Your photo", _PRIVACY),
            ("Methods", _METHODS),
            ("Credits and licences", _CREDITS),
        ):
            st.header(title, anchor=False)
            st.markdown(text)
        with st.expander("Versions", icon=":material/deployed_code:"):
            st.code("\n".join(_versions()), language=None)


def _versions() -> list[str]:
    lines = [f"geoloc {__version__}", f"python {platform.python_version()}"]
    for name in _PACKAGES:
        try:
            lines.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            lines.append(f"{name} is not installed")
    return lines


frame.run(__file__, draw)
