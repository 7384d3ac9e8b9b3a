"""Photo in: upload, paste, camera or one of the examples, each through `geoloc_core.photo` and nothing else."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import streamlit as st

from geoloc_core.errors import PhotoError
from geoloc_core.paths import ASSETS
from geoloc_core.photo import WORKING_SIDE, Photo, PhotoLimits, read_photo
from geoloc_core.settings import settings
from pages.parts.state import Work, work
from pages.parts.text import message

EXAMPLES = ASSETS / "examples"
TYPES = ["jpg", "jpeg", "png", "webp", "avif", "heic", "heif", "tif", "tiff", "bmp", "gif"]
_PASTE = """
export default function () {
  const paste = (event) => {
    const files = [...(event.clipboardData?.files ?? [])].filter((file) => file.type.startsWith("image/"));
    const input = document.querySelector('[data-testid="stFileUploaderDropzoneInput"]');
    if (!files.length || !input) return;
    const carried = new DataTransfer();
    carried.items.add(files[0]);
    input.files = carried.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
    event.preventDefault();
  };
  document.addEventListener("paste", paste);
  return () => document.removeEventListener("paste", paste);
}
"""


def photo_input() -> None:
    """Draw the inputs and take in what changed since the last run."""
    now = work()
    config = settings()
    st.file_uploader(
        "Photo",
        type=TYPES,
        key=f"upload{now.round}",
        on_change=_note,
        args=("upload",),
        max_upload_size=max(config.max_photo_bytes // 1_000_000, 1),
        help="It is held in memory for this visit only: not stored, not logged, sent nowhere unless you press Send.",
    )
    st.caption("Drop it here, choose it, or paste it with Ctrl+V.")
    if st.toggle("Use the camera", key="camera_on", help="Your browser asks before the camera is switched on."):
        st.camera_input("Take a photo", key=f"camera{now.round}", on_change=_note, args=("camera",))
    _take_in(now, PhotoLimits(config.max_photo_bytes, config.max_photo_pixels))
    if now.problem:
        st.error(message(now.problem), icon=":material/broken_image:")


def listen_for_paste() -> None:
    """Hand pasted images to the uploader, so that they pass the same checks as an upload."""
    _paste_component()(key="paste", height=0)


def example_grid(columns: int, min_width: int, verb: str = "Locate") -> None:
    """The examples as pictures; one click on one takes it and asks for an answer. `verb` is what the page does."""
    files = example_files()
    if not files:
        st.caption("There are no example photos on this machine: upload one of your own.")
        return
    cells = st.grid(columns, min_column_width=min_width, gap="small")
    for index, file in enumerate(files):
        with cells.container(key=f"example-{index}", gap=None):
            st.image(_thumbnail(str(file), file.stat().st_mtime_ns), alt=f"Example photo {index + 1}", width="stretch")
            st.button(
                f"{verb} example {index + 1}", key=f"try-{index}", on_click=_try_example, args=(index,), width="stretch"
            )


def example_files() -> list[Path]:
    """The example photos that ship with Geoloc."""
    return sorted(EXAMPLES.glob("*.jpg"))


@st.cache_resource(max_entries=32, show_spinner=False)
def _thumbnail(path: str, _changed: int) -> bytes:
    return read_photo(Path(path).read_bytes(), max_side=320).to_jpeg(quality=85)


@cache
def _paste_component() -> st.components.v2.types.ComponentRenderer:
    return st.components.v2.component("geoloc_paste", js=_PASTE)


def _note(kind: str) -> None:
    work().incoming = kind


def _try_example(index: int) -> None:
    """A callback: the click shall clear the uploader, whose state can only change before it is drawn."""
    now = work()
    now.round += 1
    now.incoming = f"example:{index}"


def _take_in(now: Work, limits: PhotoLimits) -> None:
    kind, now.incoming = now.incoming, ""
    if not kind:
        return
    example = int(kind.split(":")[1]) if kind.startswith("example:") else None
    if example is None:
        file = st.session_state.get(f"{kind}{now.round}")
        data = file.getvalue() if file else None
    else:
        data = example_files()[example].read_bytes()
    now.forget()
    if data is None:
        return
    try:
        now.take(_read(data, limits), example)
        now.wanted = example is not None
    except PhotoError as error:
        now.problem = error


def _read(data: bytes, limits: PhotoLimits) -> Photo:
    with st.spinner("Reading the photo"):
        return read_photo(data, limits, max_side=WORKING_SIDE)
