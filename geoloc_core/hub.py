"""Weights from the model hub, only when asked: `fetch` and `fetch_repo` download, `reachable` says whether they could.

Files land in the Hugging Face cache in its own layout, so other programs share them. huggingface_hub (1.33) throws a
broken download away; a weight file is gigabytes, so the bytes are fetched here, a later call going on where the last
one stopped, and huggingface_hub then files the finished blob. Weights are public: no token is sent.
"""

from __future__ import annotations

import hashlib
import os
import queue
import re
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

from geoloc_core.encoders.checkpoints import HubWeights, cache_folder
from geoloc_core.errors import DownloadCancelled, HubError, HubUnreachable
from geoloc_core.pretrained import PICKLED
from geoloc_core.settings import settings
from geoloc_core.status import Availability

if TYPE_CHECKING:
    import httpx
    from huggingface_hub import HfFileMetadata

Progress = Callable[[int, int], None]
_CHUNK = 1 << 20
_SPARE_BYTES = 200_000_000  # left free on the disk
_STALL = 3  # hub timeouts without a byte before a running download counts as broken
_MODEL_FILES = re.compile(r"[\w.-]+\.(json|jinja|model)|(merges|vocab)\.txt|model[\w.-]*\.safetensors")
_REMEDY = "Check the connection, a proxy (HTTPS_PROXY) or a mirror (HF_ENDPOINT), then try again."


def endpoint() -> str:
    """Address of the hub: `HF_ENDPOINT`, else Hugging Face's. Whoever asks for it is about to talk to the hub."""
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True  # its user agent would tell what else is installed and running here
    return (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/")


def reachable() -> Availability:
    """Whether the hub answers within `settings().hub_timeout_s` in all, however the network hangs. One request."""
    start = time.monotonic()
    limit = settings().hub_timeout_s
    if _offline():
        return Availability(False, "HF_HUB_OFFLINE is set.", "Unset HF_HUB_OFFLINE to download weights.")
    answers: queue.Queue[str] = queue.Queue()

    def ask() -> None:
        # A thread, because a resolver that hangs ignores every timeout
        try:
            status = _session().head(endpoint(), timeout=limit).status_code
            refused = status >= 500 or status in (403, 407)  # as gateways and proxies that stand in between do
            answers.put(f"it answered with error {status}" if refused else "")
        except Exception as error:
            answers.put(_short(error))

    threading.Thread(target=ask, daemon=True, name="geoloc-hub").start()
    try:
        problem = answers.get(timeout=max(0.0, limit - (time.monotonic() - start)))
    except queue.Empty:
        problem = f"no answer within {limit:g} s"
    if not problem:
        return Availability(True, f"{endpoint()} answers.")
    return Availability(False, f"The model hub {endpoint()} is unreachable: {problem}.", _REMEDY)


def fetch(weights: HubWeights, on_progress: Progress, cancel: threading.Event | None = None) -> Path:
    """Download a weight file into the Hugging Face cache, going on where an earlier call stopped.

    Args:
        weights: what to get, as in `Preset.hub`.
        on_progress: called with (bytes there, bytes in all).
        cancel: set it from another thread to stop; what has arrived is kept.

    Returns:
        Path of the file, whose size and SHA-256 are those the hub announced.

    Raises:
        HubUnreachable: the hub does not answer, or stopped answering.
        HubError: it has no such file, the disk is too small, or the bytes are not the ones announced.
        DownloadCancelled: `cancel` was set.
    """
    _check_reachable()
    return _fetch(weights.repo, weights.files, weights.revision, on_progress, cancel or threading.Event())


def fetch_repo(repo: str, on_progress: Progress, cancel: threading.Event | None = None, pickled: bool = False) -> Path:
    """Download a whole model in transformers' layout (weights as safetensors, settings, tokenizer), as `fetch` does.

    Args:
        repo: its name at the hub, such as llava-hf/llava-1.5-7b-hf.
        pickled: take pytorch_model.bin where there are no safetensors, to be opened with `weights_only` alone.
        on_progress: called with (bytes there, bytes in all), of all files together.
        cancel: set it from another thread to stop; what has arrived is kept.

    Returns:
        The folder that holds the files.

    Raises:
        HubUnreachable: the hub does not answer, or stopped answering.
        HubError: it has no such model, the disk is too small, or the bytes are not the ones announced.
        DownloadCancelled: `cancel` was set.
    """
    _check_reachable()
    sizes = _model_files(repo, pickled)
    total, before = sum(sizes.values()), 0
    path = blobs = _blobs(repo)
    blobs.mkdir(parents=True, exist_ok=True)
    _check_disk(blobs, max(0, total - sum(file.stat().st_size for file in blobs.iterdir())))

    def step(done: int, _: int) -> None:
        on_progress(before + done, total)

    for file, size in sizes.items():
        path = _fetch(repo, (file,), "main", step, cancel or threading.Event())
        before += size
    return path.parent


def _check_reachable() -> None:
    state = reachable()
    if not state:
        raise HubUnreachable(f"{state.reason} {state.remedy}")


def _fetch(repo: str, files: Sequence[str], revision: str, on_progress: Progress, cancel: threading.Event) -> Path:
    """The first of the files that the hub has, in the cache."""
    file, meta = _announced(repo, files, revision)
    etag, total = str(meta.etag), int(meta.size or 0)
    blob = _blobs(repo) / etag
    if not re.fullmatch("[0-9a-f]{40,64}", etag) or not total:
        raise HubError(f"{endpoint()} says neither size nor checksum of {file}. Choose another HF_ENDPOINT.")
    if not blob.is_file():
        _get_blob(blob, meta.location, total, on_progress, cancel)
    on_progress(total, total)
    return _filed(repo, file, revision)


def _blobs(repo: str) -> Path:
    return cache_folder() / f"models--{repo.replace('/', '--')}" / "blobs"


def _model_files(repo: str, pickled: bool) -> dict[str, int]:
    """Name and size of each file that makes up a model; its description last, so that half a model looks like none."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        info = HfApi(endpoint(), token=False).model_info(
            repo, files_metadata=True, timeout=settings().hub_timeout_s, token=False
        )
    except HFValidationError:
        raise HubError(f"{repo!r} is no name of a model at the hub. Give one such as ORG/NAME.") from None
    except HfHubHTTPError as error:
        raise HubError(f"{endpoint()} refuses {repo}: {_short(error)}. Check its page there.") from None
    except Exception as error:
        raise HubUnreachable(f"The model hub stopped answering: {_short(error)}. {_REMEDY}") from None
    sizes = {file.rfilename: int(file.size or 0) for file in info.siblings or () if file.size != 0}
    wanted = {name: size for name, size in sizes.items() if _MODEL_FILES.fullmatch(name)}
    if pickled and PICKLED in sizes and not any(name.endswith(".safetensors") for name in wanted):
        wanted[PICKLED] = sizes[PICKLED]
    if "config.json" not in wanted or not any(name.endswith((".safetensors", PICKLED)) for name in wanted):
        raise HubError(
            f"{repo} holds no model with safetensors weights; pickles can run code and are never fetched. "
            "Choose another model."
        )
    return dict(sorted(wanted.items(), key=lambda item: item[0] == "config.json"))


def _announced(repo: str, files: Sequence[str], revision: str) -> tuple[str, HfFileMetadata]:
    """The first of the candidate files that the hub has, with its size and checksum."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError

    for file in files:
        url = hf_hub_url(repo, file, revision=revision, endpoint=endpoint())
        try:
            return file, get_hf_file_metadata(url, token=False, timeout=settings().hub_timeout_s, endpoint=endpoint())
        except EntryNotFoundError:
            continue
        except HfHubHTTPError as error:
            raise HubError(f"{endpoint()} refuses {repo}: {_short(error)}. Check its page there.") from None
        except Exception as error:
            raise HubUnreachable(f"The model hub stopped answering: {_short(error)}. {_REMEDY}") from None
    raise HubError(f"{repo} at {endpoint()} has none of {', '.join(files)}. Choose another model.")


def _get_blob(blob: Path, url: str, total: int, on_progress: Progress, cancel: threading.Event) -> None:
    """Stream `url` to `blob`, through a partial file beside it that survives an interruption."""
    from filelock import FileLock, Timeout

    partial = blob.with_name(f"{blob.name}.geoloc-part")
    try:
        blob.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{partial}.lock", timeout=0):
            with partial.open("ab") as file:
                if file.tell() > total:
                    file.truncate(0)
                _check_disk(blob.parent, total - file.tell())
                _stream(url, file, total, on_progress, cancel)
                file.flush()
                os.fsync(file.fileno())
            _verify(partial, total, blob.name)
            partial.replace(blob)
    except Timeout:
        raise HubError("Another download of this file is running. Wait for it, or stop it and try again.") from None
    except OSError as error:
        raise HubError(f"The download cannot be written to {blob.parent}: {error}. Check the disk.") from None


def _check_disk(folder: Path, coming: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < coming + _SPARE_BYTES:
        raise HubError(
            f"{coming / 1e9:.2f} GB are still to come, but the disk of {folder} has {free / 1e9:.2f} GB free. "
            "Make room, or set HF_HUB_CACHE to a larger disk."
        )


def _stream(url: str, file: IO[bytes], total: int, on_progress: Progress, cancel: threading.Event) -> None:
    """Append to `file` what it lacks of `total` bytes."""
    import httpx

    if file.tell() == total:
        return
    patience = httpx.Timeout(_STALL * settings().hub_timeout_s, connect=settings().hub_timeout_s)
    headers = {"Range": f"bytes={file.tell()}-", "Accept-Encoding": "identity"}
    try:
        with _session().stream("GET", url, headers=headers, timeout=patience, follow_redirects=True) as answer:
            answer.raise_for_status()
            if answer.status_code != httpx.codes.PARTIAL_CONTENT:  # the server sends the file from its start
                file.truncate(0)
            for chunk in answer.iter_bytes(_CHUNK):
                if cancel.is_set():
                    raise DownloadCancelled("The download was stopped. Fetch again to go on where it stopped.")
                file.write(chunk)
                on_progress(min(file.tell(), total), total)
    except httpx.HTTPStatusError as error:
        raise HubError(f"The hub refuses the file: {_short(error)}. Try again later.") from None
    except httpx.HTTPError as error:
        raise HubUnreachable(f"The download broke off: {_short(error)}. Fetch again to go on from there.") from None


def _verify(partial: Path, total: int, etag: str) -> None:
    """Compare with the announced size and, for every file in large-file storage, the SHA-256 that is its etag."""
    size = partial.stat().st_size
    if size < total:
        raise HubUnreachable("The download broke off early. Fetch again to go on where it stopped.")
    with partial.open("rb") as file:
        same = len(etag) != 64 or hashlib.file_digest(file, "sha256").hexdigest() == etag
    if size != total or not same:
        partial.unlink()
        raise HubError(f"What arrived from {endpoint()} is not the file it announced. Fetch it again.")


def _filed(repo: str, file: str, revision: str) -> Path:
    """Let huggingface_hub file the blob that is there now under its revision."""
    from huggingface_hub import hf_hub_download

    try:
        return Path(
            hf_hub_download(
                repo,
                file,
                revision=revision,
                cache_dir=cache_folder(),
                endpoint=endpoint(),
                token=False,
                etag_timeout=settings().hub_timeout_s,
            )
        )
    except Exception as error:
        raise HubUnreachable(f"The model hub stopped answering: {_short(error)}. {_REMEDY}") from None


def _session() -> httpx.Client:
    """huggingface_hub's client, with the proxy and certificates its user may have set."""
    from huggingface_hub import get_session

    return get_session()


def _offline() -> bool:
    from huggingface_hub import is_offline_mode

    return is_offline_mode() or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def _short(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0][:200] if lines else type(error).__name__).rstrip(". ")
