"""What every test gets: its own home folders, no network but loopback, and small galleries from the real builder."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from geoloc_core.exif import exif_with_gps
from geoloc_core.settings import settings


@pytest.fixture(autouse=True)
def isolated(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test sees this user's settings, galleries or caches, nor another host."""
    home = tmp_path_factory.mktemp("home")
    for name in ("galleries", "checkpoints", "tile_cache", "tile_store"):
        monkeypatch.setenv(f"GEOLOC_{name.upper()}", str(home / name))
    for name in ("GEOLOC_CONFIG", "GEOLOC_GALLERY", "GEOLOC_SEARCH_BACKEND", "GEOLOC_LANCE_URI", "GEOLOC_SEGMENTER"):
        monkeypatch.delenv(name, raising=False)
    for name in ("OPENAI_API_KEY", "GEOLOC_LMM", "GEOLOC_LMM_MODEL", "GEOLOC_LMM_BASE_URL", "GEOLOC_TILE_SOURCE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(home / "hf"))
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Reaching or looking up any other host fails the test, even if the tested code hides the error."""
    connect, resolve, reached = socket.socket.connect, socket.getaddrinfo, []

    def check(host: object) -> None:
        if host not in ("127.0.0.1", "::1", "localhost"):
            reached.append(host)
            raise OSError(f"a test reached for {host}")

    def guarded_connect(self: socket.socket, address: tuple) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            check(address[0])
        connect(self, address)

    def guarded_resolve(host: str, *arguments: object, **options: object) -> list:
        check(host)
        return resolve(host, *arguments, **options)

    monkeypatch.setattr(socket.socket, "connect", guarded_connect)
    monkeypatch.setattr(socket, "getaddrinfo", guarded_resolve)
    yield
    assert not reached


def make_photo(
    path: Path, seed: int, location: tuple[float, float] | None = None, size: tuple[int, int] = (160, 120)
) -> Path:
    """A small JPEG with smooth random colours, different for each seed, with EXIF GPS if a location is given."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 255, (4, 5, 3), dtype=np.uint8))
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = exif_with_gps(*location) if location else b""
    coarse.resize(size, Image.Resampling.BICUBIC).save(path, "JPEG", quality=92, exif=exif)
    return path


@pytest.fixture(scope="session")
def photo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 geotagged JPEGs in two folders, one without a position, one damaged, one that is no photo."""
    folder = tmp_path_factory.mktemp("photos")
    for i in range(24):
        make_photo(folder / ("a" if i % 2 else "b") / f"{i:02d}.jpg", i, (40 + i / 2, -3 + i))
    make_photo(folder / "nowhere.jpg", 99)
    (folder / "damaged.jpg").write_bytes((folder / "a" / "01.jpg").read_bytes()[:900])
    (folder / "notes.txt").write_text("not a photo")
    return folder


@pytest.fixture(scope="session")
def small_gallery(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A gallery of `photo_folder`, built by the real command with the encoder that needs no weights."""
    from index_builder.__main__ import main

    out = tmp_path_factory.mktemp("built") / "small"
    assert main(["build", str(photo_folder), "--out", str(out), "--encoder", "im2gps", "--title", "Small"]) == 0
    return out
