"""Settings: environment over file over defaults, and bad ones told by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from geoloc_core.errors import SettingsError
from geoloc_core.settings import settings


def fresh():
    settings.cache_clear()
    return settings()


def test_environment_beats_file_beats_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert fresh().neighbours == 16
    (tmp_path / "my.toml").write_text('neighbours = 8\nmax_photo_bytes = 5000\ngallery = "mine"\nsomething_else = 1\n')
    monkeypatch.setenv("GEOLOC_CONFIG", str(tmp_path / "my.toml"))
    monkeypatch.setenv("GEOLOC_NEIGHBOURS", "4")
    assert (fresh().neighbours, fresh().max_photo_bytes, fresh().gallery) == (4, 5000, "mine")


def test_a_file_in_the_working_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "geoloc.toml").write_text("neighbours = 3\n")
    monkeypatch.chdir(tmp_path)
    assert fresh().neighbours == 3


def test_a_tilde_is_the_home_folder(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GEOLOC_GALLERIES", "~/here")
    assert fresh().galleries == Path.home() / "here"


def test_an_endless_cap_is_none(monkeypatch: pytest.MonkeyPatch):
    assert fresh().lmm_cap == 1.0
    monkeypatch.setenv("GEOLOC_LMM_CAP", "inf")
    assert fresh().lmm_cap is None


@pytest.mark.parametrize(("name", "value"), [("NEIGHBOURS", "0"), ("DEVICE", "abacus"), ("MAX_PHOTO_BYTES", "many")])
def test_a_bad_value_is_told_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str):
    monkeypatch.setenv(f"GEOLOC_{name}", value)
    with pytest.raises(SettingsError, match=f"GEOLOC_{name}"):
        fresh()


def test_a_broken_or_missing_file_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GEOLOC_CONFIG", str(tmp_path / "none.toml"))
    with pytest.raises(SettingsError, match="not a file"):
        fresh()
    (tmp_path / "none.toml").write_text("neighbours = \n")
    with pytest.raises(SettingsError, match="not a TOML file"):
        fresh()
