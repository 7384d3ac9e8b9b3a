"""A gallery at any URL that fsspec opens: a folder, memory, S3, Google Cloud Storage, SFTP, and so on.

While a push runs, a small file beside the gallery lists what has arrived with its checksum, so that the next push goes
on; most stores cannot tell a checksum themselves. The manifest is written last, and taken away first when files that it
names are to change: whoever reads a manifest finds the files it names.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from typing import IO

from pydantic import TypeAdapter, ValidationError

from geoloc_core.errors import SharingError, SharingInterrupted
from geoloc_core.gallery.manifest import NAME, File, FileName
from geoloc_core.gallery.remote.stores import CHUNK, Plan, Progress, Published, plain_errors
from geoloc_core.gallery.remote.urls import redacted

STATE = ".geoloc-push.json"
_MAX_STATE = 16_000_000
_ARRIVED = TypeAdapter(dict[FileName, File])
_PACKAGES = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "sftp": "paramiko",
    "ssh": "paramiko",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "http": "aiohttp",
    "https": "aiohttp",
    "smb": "smbprotocol",
    "webdav": "webdav4",
    "oci": "ocifs",
    "oss": "ossfs",
    "hdfs": "pyarrow",
}


class FolderStore:
    """A folder at an fsspec URL; see `Store`.

    Raises:
        SharingError: nothing that is installed opens such a URL.
    """

    revision = ""

    def __init__(self, url: str) -> None:
        from fsspec.core import url_to_fs

        self._url, self.shown = url, redacted(url)
        self.place = self.shown
        with plain_errors(url, "opened"):
            try:
                self._fs, self._root = url_to_fs(url)
            except ImportError as error:
                protocol = url.partition("://")[0].rpartition(":")[2]
                package = _PACKAGES.get(protocol)
                remedy = f"Run: pip install {package}" if package else f"{error}."
                raise SharingError(f"{protocol}:// needs a package that is not installed. {remedy}") from None
            self._fs.invalidate_cache()

    def read(self, name: str, limit: int) -> bytes | None:
        """Up to `limit` + 1 bytes of a file; None if it is not there."""
        with plain_errors(self._url, "read"):
            try:
                with self._fs.open(self._path(name), "rb") as file:
                    return bytes(file.read(limit + 1))
            except FileNotFoundError:
                return None

    def stream(self, name: str, offset: int) -> Generator[bytes]:
        """The bytes of a file from `offset` on."""
        with plain_errors(self._url, "read"), self._fs.open(self._path(name), "rb") as file:
            _skip(file, offset)
            while chunk := file.read(CHUNK):
                yield chunk

    def publish(self, plan: Plan, on_progress: Progress) -> Published:
        """Send what is not there yet, then the manifest, then remove what the replaced gallery left."""
        with plain_errors(self._url, "written"):
            there, state = self._sizes(), self._read_state()
            if plan.old is None and state is None and not plan.overwrite:
                self._refuse_foreign(plan, there)
            known = {**(plan.old.files if plan.old else {}), **(state or {})}
            wanted = plan.manifest.files
            missing = [
                name for name, file in wanted.items() if known.get(name) != file or there.get(name) != file.bytes
            ]
            if not missing and plan.old == plan.manifest:
                self._remove([STATE] if STATE in there else [])
                on_progress(plan.total, plan.total)
                return Published(())
            arrived = {name: file for name, file in known.items() if name not in missing and name in there}
            self._write(STATE, _ARRIVED.dump_json(arrived))
            if plan.old is not None and set(missing) & set(plan.old.files):
                self._remove([NAME])
            self._send(missing, arrived, plan, on_progress)
            self._write(NAME, plan.manifest.to_json().encode())
            left = [name for name in known if name not in wanted and name in there]
            self._remove([*left, STATE])
        return Published(tuple(missing))

    def _send(self, missing: list[str], arrived: dict[str, File], plan: Plan, on_progress: Progress) -> None:
        from fsspec.callbacks import Callback

        done = plan.total - sum(plan.manifest.files[name].bytes for name in missing)
        on_progress(done, plan.total)
        for name in missing:
            size, start = plan.manifest.files[name].bytes, done
            report = Callback(
                hooks={"bytes": lambda _, value, start=start, **__: on_progress(start + value, plan.total)}
            )
            self._fs.put_file(str(plan.paths[name]), self._path(name), callback=report)
            self._fs.invalidate_cache()
            if self._fs.size(self._path(name)) != size:
                raise SharingInterrupted(
                    f"{name} did not arrive whole at {self.shown}. Run the command again to go on."
                )
            arrived[name] = plan.manifest.files[name]
            self._write(STATE, _ARRIVED.dump_json(arrived))
            done += size
            on_progress(done, plan.total)

    def _refuse_foreign(self, plan: Plan, there: dict[str, int]) -> None:
        if foreign := sorted({*plan.manifest.files, NAME} & set(there)):
            raise SharingError(
                f"{self.shown} holds {foreign[0]}, which no push of this gallery left there. "
                "Choose an empty folder, or replace what is there with --overwrite."
            )

    def _sizes(self) -> dict[str, int]:
        """Bytes of each file in the folder, which is made if the store has folders."""
        with suppress(OSError, NotImplementedError):
            self._fs.makedirs(self._root, exist_ok=True)
        try:
            listed = self._fs.ls(self._root, detail=True)
        except FileNotFoundError:
            return {}
        files = (entry for entry in listed if entry["type"] == "file")
        return {entry["name"].rstrip("/").rpartition("/")[2]: int(entry["size"] or 0) for entry in files}

    def _read_state(self) -> dict[str, File] | None:
        """What an unfinished push brought here; None without one."""
        data = self.read(STATE, _MAX_STATE)
        try:
            return None if data is None else _ARRIVED.validate_json(data)
        except ValidationError:
            return {}

    def _write(self, name: str, data: bytes) -> None:
        """Write a small file: renamed into place on a disk; object stores show an upload only when it is whole."""
        from fsspec.implementations.local import LocalFileSystem

        if isinstance(self._fs, LocalFileSystem):
            partial = Path(self._path(f"{name}.part"))
            partial.write_bytes(data)
            partial.replace(self._path(name))
        else:
            self._fs.pipe_file(self._path(name), data)
        self._fs.invalidate_cache()

    def _remove(self, names: list[str]) -> None:
        for name in names:
            with suppress(FileNotFoundError):
                self._fs.rm_file(self._path(name))
        self._fs.invalidate_cache()

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"


def _skip(file: IO[bytes], offset: int) -> None:
    """Go to `offset`, reading up to there where the store cannot seek."""
    if not offset:
        return
    try:
        file.seek(offset)
    except (ValueError, OSError, NotImplementedError):
        while offset > 0 and (chunk := file.read(min(CHUNK, offset))):
            offset -= len(chunk)
