"""Segmenters through the real path: classes and colours, tiny models from folders, the hub's cache, and a download."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from geoloc_core.__main__ import main
from geoloc_core.paths import ROOT
from geoloc_core.photo import read_photo
from geoloc_core.prediction import Query
from geoloc_core.pretrained import architectures
from geoloc_core.segmentation import MAP_SIDE, NAMES, NO_CLASS, best_segmenter, colours, open_segmenter
from geoloc_core.segmentation import names as registry
from geoloc_core.segmentation import transformers_model as loading
from geoloc_core.segmentation.ade20k import CLASSES, names, palette
from geoloc_core.segmentation.names import REPOS, STARTER
from geoloc_core.settings import settings
from tests.loopback_hub import LoopbackHub
from tests.make_llava import fill_hub_cache, jpeg
from tests.make_segmenter import copied, forgetful, pickle_weights, saved
from tests.tiny_clip import own_home, photo

pytestmark = pytest.mark.usefixtures("own_home", "forgetful")
__all__ = ["copied", "forgetful", "own_home", "saved"]
B0 = REPOS["segformer-b0"]


# Classes and colours


def test_the_classes_are_those_of_ade20k():
    assert len(names()) == CLASSES == len(set(names()))
    assert [names()[i] for i in (0, 1, 2, 6, 31, 149)] == ["wall", "building", "sky", "road", "seat", "flag"]


def test_the_colours_are_those_of_ade20k():
    drawn = colours(np.array([[0, 2, 149], [6, 48, NO_CLASS]], np.uint8))
    assert drawn.shape == (2, 3, 3) and drawn.dtype == np.uint8
    assert drawn.tolist() == [[[120, 120, 120], [6, 230, 230], [92, 0, 255]], [[140] * 3, [140] * 3, [0, 0, 0]]]
    assert len(np.unique(palette()[:CLASSES], axis=0)) == CLASSES - 1  # road and skyscraper share theirs
    assert not palette()[CLASSES:].any()


def test_the_atlas_means_the_same_classes():
    from index_builder.atlas.canvas import ADE20K

    assert {name: names()[number] for name, number in ADE20K.items()} == {name: name for name in ADE20K}


# Models


def test_a_segformer_labels_as_transformers_does(saved):
    from transformers import AutoImageProcessor, AutoModelForSemanticSegmentation

    segmenter, image = open_segmenter(str(saved / "segformer")), photo(3, (64, 64))
    (labels,) = segmenter.segment([image])
    processor = AutoImageProcessor.from_pretrained(saved / "segformer")
    model = AutoModelForSemanticSegmentation.from_pretrained(saved / "segformer").eval()
    with torch.inference_mode():
        answer = model(**processor(images=image, return_tensors="pt"))
    (expected,) = processor.post_process_semantic_segmentation(answer, target_sizes=[(64, 64)])
    assert labels.dtype == np.uint8 and len(np.unique(labels)) > 3
    assert np.mean(labels == expected.numpy()) > 0.999
    assert segmenter.choices["device"].reason and segmenter.choices["dtype"].value == "float32"


@pytest.mark.parametrize("name", ["segformer", "upernet"])
@pytest.mark.parametrize("size", [(60, 45), (45, 60), (1, 9), (3000, 7), (1024, 768)])
def test_a_map_has_the_shape_of_its_photo(saved, name, size):
    (labels,) = open_segmenter(str(saved / name)).segment([photo(1, size)])
    scale = min(1, MAP_SIDE / max(size))
    assert labels.shape == (max(1, round(size[1] * scale)), max(1, round(size[0] * scale)))
    assert labels.max() < CLASSES


def test_photos_together_are_labelled_as_alone(saved, monkeypatch):
    images = [photo(i, (40 + 9 * i, 50)) for i in range(5)]
    alone = [open_segmenter(str(saved / "segformer")).segment([image])[0] for image in images]
    monkeypatch.setenv("GEOLOC_BATCH_SIZE", "2")
    settings.cache_clear()
    registry._made.clear()
    together = open_segmenter(str(saved / "segformer")).segment(images)
    assert all(np.mean(one == other) > 0.999 for one, other in zip(alone, together, strict=True))
    assert open_segmenter(str(saved / "segformer")).segment([]) == []


def test_a_folder_of_the_checkpoints_is_found_by_name(saved, own_home):
    shutil.copytree(saved / "upernet", settings().checkpoints / "mine")
    segmenter = open_segmenter("mine")
    assert segmenter.availability() and segmenter.id.startswith("upernet/sha256-")
    assert segmenter is open_segmenter("mine") and segmenter.name == "mine"
    assert segmenter.id == open_segmenter(str(saved / "upernet")).id != open_segmenter(str(saved / "segformer")).id


def test_the_hub_cache_answers_offline(saved, own_home):
    state = open_segmenter("segformer-b0").availability()
    assert not state and "`python -m geoloc_core fetch segformer-b0`" in state.remedy
    assert "fetch segmenter:org/other`" in open_segmenter("org/other").availability().remedy
    fill_hub_cache(own_home / "hf", B0, saved / "segformer")
    fill_hub_cache(own_home / "hf", REPOS["segformer-b3"], saved / "segformer")
    assert open_segmenter("segformer-b0").segment([photo()])[0].shape == (45, 60)
    assert open_segmenter(B0).id == open_segmenter("segformer-b0").id
    assert best_segmenter().value == "segformer-b3"


def test_what_is_taken_has_a_reason(monkeypatch):
    assert best_segmenter().value == STARTER and "fetch segformer-b0" in best_segmenter().reason
    monkeypatch.setenv("GEOLOC_SEGMENTER", "segformer-b5")
    settings.cache_clear()
    assert best_segmenter().value == "segformer-b5" and "GEOLOC_SEGMENTER" in best_segmenter().reason


def test_weights_are_loaded_once_by_many_threads(saved, monkeypatch):
    loads, real = [], loading._load
    monkeypatch.setattr(loading, "_load", lambda *args: (loads.append(1), real(*args))[1])
    segmenter, maps = open_segmenter(str(saved / "segformer")), []
    threads = [threading.Thread(target=lambda: maps.extend(segmenter.segment([photo()]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(loads) == 1 and len(maps) == 4 and all((one == maps[0]).all() for one in maps)


def test_a_query_segments_once(saved):
    said: list[str] = []
    query, segmenter = Query(read_photo(jpeg(1)), said.append), open_segmenter(str(saved / "segformer"))
    first = query.segmentation(segmenter)
    assert query.segmentation(segmenter) is first and first.shape == (45, 60)
    assert said == [f"Loading the segmenter {segmenter.name}", "Segmenting the photo"]
    assert query.seconds["segment"] > 0


def test_the_list_of_architectures_is_that_of_transformers():
    from transformers.models.auto.modeling_auto import MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES as REAL

    assert architectures("MODEL_FOR_SEMANTIC_SEGMENTATION_MAPPING_NAMES") == set(REAL)


def test_looking_imports_no_torch(saved):
    script = (
        "import sys, numpy\nfrom geoloc_core.segmentation import best_segmenter, colours, open_segmenter\n"
        f"assert best_segmenter().value and open_segmenter({str(saved / 'segformer')!r}).availability()\n"
        f"assert open_segmenter({str(saved / 'segformer')!r}).id\n"
        "colours(numpy.zeros((2, 2), numpy.uint8))\nprint(*{'torch', 'transformers'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# Fetching


@pytest.mark.parametrize("pickled", [False, True])
def test_a_fetched_segmenter_answers(copied, monkeypatch, capsys, pickled):
    if pickled:
        pickle_weights(copied)
    files = {f"{B0}/{file.name}": file.read_bytes() for file in copied.iterdir()}
    hub = LoopbackHub({**files, f"{B0}/tf_model.h5": b"x", f"{B0}/evil.py": b"x"})
    try:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        settings.cache_clear()
        assert main(["fetch", "segformer-b0"]) == 0
    finally:
        hub.close()
    folder = Path(capsys.readouterr().out.strip().splitlines()[-1])
    assert {file.name for file in folder.iterdir()} == {file.name for file in copied.iterdir()}
    assert open_segmenter("segformer-b0").segment([photo()])[0].shape == (45, 60)


def test_what_can_be_fetched_is_listed(capsys):
    assert main(["fetch"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in NAMES if name != STARTER)
    assert main(["fetch", STARTER]) != 0 and "ships with Geoloc" in capsys.readouterr().err
