"""A gallery in a data set repository of the model hub: hf://datasets/OWNER/NAME[@REVISION].

A push is one commit, so a revision never holds half a gallery. Files are uploaded before it one by one, and the hub
keeps what has arrived, so an interrupted push goes on. A pull resolves its branch once and reads that commit to its
end. The hub is asked with the token its user stored (`hf auth login` or HF_TOKEN), as huggingface_hub does.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from geoloc_core.errors import SharingError
from geoloc_core.gallery.manifest import NAME, File
from geoloc_core.gallery.remote.stores import Plan, Progress, Published, plain_errors
from geoloc_core.gallery.remote.urls import redacted_error
from geoloc_core.hub import endpoint
from geoloc_core.settings import settings

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.hf_api import DatasetInfo, RepoFile

_URL = re.compile(r"hf://datasets/(?P<repo>[\w.-]+/[\w.-]+?)/?(?:@(?P<revision>[\w./-]+))?")
_STALL = 10  # hub timeouts without a byte before a download counts as broken
_KIND = "dataset"
_COMMIT = re.compile("[0-9a-f]{40}")
_BY_THE_HUB = {".gitattributes", "README.md"}  # what it puts into a repository that is made in a browser
LOGIN = "A private data set shows itself only to who may read it: run `hf auth login`, or set HF_TOKEN."


class HubStore:
    """A data set repository; see `Store`.

    Raises:
        SharingError: the URL names none, or another revision than `revision`.
    """

    def __init__(self, url: str, revision: str | None = None) -> None:
        found = _URL.fullmatch(url)
        if not found:
            raise SharingError(f"{url} is no data set of the hub. Write hf://datasets/OWNER/NAME, or ...NAME@REVISION.")
        named = found["revision"]
        if named and revision and named != revision:
            raise SharingError(f"{url} names the revision {named}, --revision {revision}. Leave out one of them.")
        self.repo, self._branch = found["repo"], revision or named or "main"
        self.place = f"hf://datasets/{self.repo}"
        self.shown = self.place + (f"@{named or revision}" if named or revision else "")

    @property
    def revision(self) -> str:
        """The commit that is read, resolved once."""
        return str(self._info.sha) if self._info else ""

    def read(self, name: str, limit: int) -> bytes | None:
        """Up to `limit` + 1 bytes of a file; None if there is no such file, revision or repository."""
        from huggingface_hub.errors import EntryNotFoundError

        if self._info is None:
            return None
        data = bytearray()
        with self._errors("read"), closing(self._chunks(name, 0)) as chunks:
            try:
                while len(data) <= limit and (chunk := next(chunks, b"")):
                    data += chunk
            except EntryNotFoundError:
                return None
        return bytes(data[: limit + 1])

    def stream(self, name: str, offset: int) -> Generator[bytes]:
        """The bytes of a file from `offset` on, at the pinned commit."""
        with self._errors("read"):
            yield from self._chunks(name, offset)

    def publish(self, plan: Plan, on_progress: Progress) -> Published:
        """Upload what the repository lacks, then add all of it and the manifest in one commit."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        with self._errors("written"):
            info = self._made_ready(plan)
            tree = self._tree(str(info.sha))
            made_now = self._info is None
            if not (made_now or plan.old or plan.overwrite) and (foreign := sorted(set(tree) - _BY_THE_HUB)):
                raise SharingError(
                    f"{self.shown} holds {foreign[0]} and no gallery. Choose another name, or add --overwrite."
                )
            missing = [
                name for name, file in plan.manifest.files.items() if not _same(tree.get(name), file, plan.paths[name])
            ]
            if not missing and plan.old == plan.manifest:
                on_progress(plan.total, plan.total)
                return Published((), str(info.sha))
            additions = [CommitOperationAdd(name, str(plan.paths[name])) for name in missing]
            self._upload(additions, plan, on_progress)
            ours = set(tree) - _BY_THE_HUB if made_now else set(plan.old.files if plan.old else ()) & set(tree)
            removed = [CommitOperationDelete(name) for name in sorted(ours - {*plan.manifest.files, NAME})]
            manifest = CommitOperationAdd(NAME, plan.manifest.to_json().encode())
            commit = self._api.create_commit(
                self.repo,
                [*additions, manifest, *removed],
                commit_message=f"Gallery of {plan.manifest.count:,} rows, by Geoloc",
                repo_type=_KIND,
                revision=self._branch,
                parent_commit=info.sha,
            )
        return Published(tuple(missing), commit.oid)

    @cached_property
    def _api(self) -> HfApi:
        from huggingface_hub import HfApi

        return HfApi(endpoint=endpoint())

    @cached_property
    def _info(self) -> DatasetInfo | None:
        """What the hub says of the revision; None without such a repository or revision, or without the right to it."""
        from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

        with self._errors("read"):
            try:
                return self._api.dataset_info(self.repo, revision=self._branch)
            except GatedRepoError:
                raise
            except (RepositoryNotFoundError, RevisionNotFoundError):
                return None

    def _made_ready(self, plan: Plan) -> DatasetInfo:
        """The branch to commit to, in a repository that is as public as was asked for."""
        if _COMMIT.fullmatch(self._branch):
            raise SharingError(f"{self.shown} names a commit. Push to a branch: leave out @{self._branch}.")
        info = self._info
        if info is None:
            self._api.create_repo(self.repo, repo_type=_KIND, private=not plan.public, exist_ok=True)
            info = self._api.dataset_info(self.repo)
        if not info.private and not plan.public:
            raise SharingError(
                f"{self.shown} is public: everyone would see the gallery. Say so with --public, or choose another name."
            )
        if self._info is None and self._branch != "main":
            self._api.create_branch(self.repo, branch=self._branch, repo_type=_KIND, exist_ok=True)
            info = self._api.dataset_info(self.repo, revision=self._branch)
        return info

    def _tree(self, commit: str) -> dict[str, RepoFile]:
        from huggingface_hub.hf_api import RepoFile

        entries = self._api.list_repo_tree(self.repo, repo_type=_KIND, revision=commit)
        return {entry.path: entry for entry in entries if isinstance(entry, RepoFile)}

    def _upload(self, additions: list[CommitOperationAdd], plan: Plan, on_progress: Progress) -> None:
        """Bring large files into the hub's storage, where a later commit finds them; the small go with the commit."""
        done = plan.total - sum(plan.manifest.files[op.path_in_repo].bytes for op in additions)
        on_progress(done, plan.total)
        for addition in additions:
            self._api.preupload_lfs_files(self.repo, [addition], repo_type=_KIND, revision=self._branch)
            done += plan.manifest.files[addition.path_in_repo].bytes
            on_progress(done, plan.total)

    def _chunks(self, name: str, offset: int) -> Generator[bytes]:
        from huggingface_hub import get_session, hf_hub_url
        from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

        url = hf_hub_url(self.repo, name, repo_type=_KIND, revision=self.revision, endpoint=endpoint())
        headers = {**build_hf_headers(), "Accept-Encoding": "identity", "Range": f"bytes={offset}-"}
        patience = _STALL * settings().hub_timeout_s
        with get_session().stream("GET", url, headers=headers, timeout=patience, follow_redirects=True) as answer:
            if answer.status_code == 416 and not offset:  # the file is empty
                return
            hf_raise_for_status(answer)
            skip = 0 if answer.status_code == 206 else offset  # else the server sends the file from its start
            for chunk in answer.iter_bytes():
                if skip < len(chunk):
                    yield chunk[skip:]
                skip = max(0, skip - len(chunk))

    @contextmanager
    def _errors(self, doing: str) -> Iterator[None]:
        from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

        with plain_errors(self.shown, doing):
            try:
                yield
            except OfflineModeIsEnabled:
                raise SharingError(f"{self.shown} cannot be {doing}: HF_HUB_OFFLINE is set. Unset it.") from None
            except HfHubHTTPError as error:
                code = error.response.status_code
                if code == 416 or code >= 500 or code in (408, 429):
                    raise
                text = redacted_error(error, self.shown)
                raise SharingError(f"{self.shown} cannot be {doing}: {text}. {LOGIN}") from None


def _same(entry: RepoFile | None, file: File, path: Path) -> bool:
    """Whether the repository's file is this one: by SHA-256 in large-file storage, by git's checksum otherwise."""
    from huggingface_hub.utils.sha import git_hash

    if entry is None or entry.size != file.bytes:
        return False
    return entry.lfs.sha256 == file.sha256 if entry.lfs else entry.blob_id == git_hash(path.read_bytes())
