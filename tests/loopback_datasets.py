"""A hub of data sets on loopback: what huggingface_hub asks when it makes, fills and reads a repository."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

TOKEN = "hf_loopback"
LARGE = (".npy", ".parquet", ".zip", ".png", ".faiss")


class Repository:
    """Commits (sha -> path -> bytes), branches, and whether only its owner sees it."""

    def __init__(self, private: bool) -> None:
        self.private, self.commits, self.branches = private, {}, {}
        self.commit("main", {".gitattributes": b"*.npy filter=lfs\n"})

    def commit(self, branch: str, files: dict[str, bytes]) -> str:
        """Make these files the branch's head; returns the commit."""
        sha = hashlib.sha1(f"{branch}{len(self.commits)}".encode()).hexdigest()
        self.commits[sha] = dict(files)
        self.branches[branch] = sha
        return sha


class LoopbackDatasets(ThreadingHTTPServer):
    """Serves `repos`; `storage` is its large-file storage, `log` every request as (method, path, range).

    `cut` breaks downloads of large files off after so many bytes, `refuse_uploads` answers uploads after so many with
    an error.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.repos: dict[str, Repository] = {}
        self.storage: dict[str, bytes] = {}
        self.log: list[tuple[str, str, str]] = []
        self.cut = self.refuse_uploads = None
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.cdn = f"http://localhost:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Stop at once."""
        self.shutdown()
        self.server_close()

    def seen(self, method: str, pattern: str) -> list[str]:
        """Paths of the requests so far that hold `pattern`."""
        return [path for verb, path, _ in self.log if verb == method and re.search(pattern, path)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LoopbackDatasets

    def log_message(self, *args) -> None:
        """Keep the tests' output clean."""

    def do_GET(self) -> None:
        hub, path = self.begin()
        if found := re.fullmatch(r"/cdn/(\w{64})", path):
            assert "Authorization" not in self.headers, "the token went to another host"
            self.send_ranged(hub.storage[found[1]], hub.cut)
        elif found := re.fullmatch(r"/datasets/([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.+)", path):
            self.resolve(*found.groups())
        elif found := re.fullmatch(r"/api/datasets/([\w.-]+/[\w.-]+)(?:/(revision|tree)/([^/]+))?", path):
            repo, what, revision = found.groups()
            if files := self.files(repo, revision or "main"):
                sha, tree = files
                entries = [entry(name, data) for name, data in tree.items()]
                about = {"id": repo, "sha": sha, "private": hub.repos[repo].private, "tags": [], "downloads": 0}
                self.answer(200, entries if what == "tree" else about)
        else:
            self.answer(404, {})

    def do_HEAD(self) -> None:
        """What a client asks before it downloads a file: its commit, size and checksum."""
        _, path = self.begin()
        found = re.fullmatch(r"/datasets/([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.+)", path)
        files = self.files(found[1], found[2]) if found else None
        if found and files:
            data = files[1][unquote(found[3])]
            self.send_response(200)
            self.send_header("X-Repo-Commit", files[0])
            self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()

    def do_PUT(self) -> None:
        hub, path = self.begin()
        data = self.body()
        if hub.refuse_uploads is not None and len(hub.storage) >= hub.refuse_uploads:
            self.answer(403, {"error": "the storage is closed"})
        else:
            assert hashlib.sha256(data).hexdigest() == path.removeprefix("/upload/")
            hub.storage[path.removeprefix("/upload/")] = data
            self.answer(200, {})

    def do_POST(self) -> None:
        hub, path = self.begin()
        body = self.body()
        if path == "/api/validate-yaml":
            self.answer(200, {"errors": [], "warnings": []})
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer(401, {"error": "Invalid username or password."})
        elif path == "/api/repos/create":
            asked = json.loads(body)
            name = f"{asked['organization']}/{asked['name']}"
            known = name in hub.repos
            if not known:
                hub.repos[name] = Repository(asked.get("visibility") == "private" or bool(asked.get("private")))
            self.answer(409 if known else 200, {"url": f"{hub.url}/datasets/{name}"})
        elif found := re.fullmatch(r"/datasets/[\w.-]+/[\w.-]+\.git/info/lfs/objects/batch", path):
            self.batch(json.loads(body)["objects"])
        elif found := re.fullmatch(r"/api/datasets/([\w.-]+/[\w.-]+)/(preupload|commit|branch)/([^/]+)", path):
            repo, what, branch = found.groups()
            getattr(self, what)(repo, unquote(branch), body)
        else:
            self.answer(404, {})

    def resolve(self, repo: str, revision: str, name: str) -> None:
        """The file itself, or for a large one the way to another host."""
        if files := self.files(repo, revision):
            data = files[1].get(name)
            if data is None:
                self.answer(404, {}, X_Error_Code="EntryNotFound")
            elif name.endswith(LARGE):
                self.answer(302, {}, Location=f"{self.server.cdn}/cdn/{hashlib.sha256(data).hexdigest()}")
            else:
                self.send_ranged(data)

    def files(self, repo: str, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """Commit and files of a revision; answers the request itself if there is none, or none to see."""
        known = self.server.repos.get(repo)
        if known is None or (known.private and self.headers.get("Authorization") != f"Bearer {TOKEN}"):
            self.answer(401 if known else 404, {}, X_Error_Code="RepoNotFound")
            return None
        sha = known.branches.get(unquote(revision), revision)
        if sha not in known.commits:
            self.answer(404, {}, X_Error_Code="RevisionNotFound")
            return None
        return sha, known.commits[sha]

    def preupload(self, repo: str, branch: str, body: bytes) -> None:
        """Say which files go to large-file storage."""
        files = [
            {"path": f["path"], "uploadMode": "lfs" if f["path"].endswith(LARGE) else "regular", "shouldIgnore": False}
            for f in json.loads(body)["files"]
        ]
        self.answer(200, {"files": files})

    def batch(self, objects: list[dict]) -> None:
        """Say where to upload what is not in large-file storage yet."""
        for item in objects:
            if item["oid"] not in self.server.storage:
                item["actions"] = {"upload": {"href": f"{self.server.url}/upload/{item['oid']}"}}
        self.answer(200, {"transfer": "basic", "objects": objects})

    def branch(self, repo: str, branch: str, body: bytes) -> None:
        """Make a branch from main."""
        known = self.server.repos[repo]
        known.branches.setdefault(branch, known.branches["main"])
        self.answer(201, {})

    def commit(self, repo: str, branch: str, body: bytes) -> None:
        """Apply the lines of a commit, if its parent is still the head."""
        known = self.server.repos[repo]
        files = dict(known.commits[known.branches[branch]])
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "header" and value.get("parentCommit") not in (None, known.branches[branch]):
                self.answer(412, {"error": "The branch has moved on"})
                return
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.server.storage[value["oid"]]
            elif line["key"] == "deletedFile":
                del files[value["path"]]
        sha = known.commit(branch, files)
        self.answer(200, {"commitUrl": f"{self.server.url}/datasets/{repo}/commit/{sha}", "commitOid": sha})

    def begin(self) -> tuple[LoopbackDatasets, str]:
        """Log the request."""
        path = urlsplit(self.path).path
        self.server.log.append((self.command, path, self.headers.get("Range", "")))
        return self.server, path

    def body(self) -> bytes:
        """What was sent, whole or in chunks."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        data = b""
        while size := int(self.rfile.readline(), 16):
            data += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return data

    def send_ranged(self, data: bytes, cut: int | None = None) -> None:
        """The bytes from where the client wants them, broken off after `cut` of them."""
        start = int(re.match(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-"))[1])
        rest = data[start:]
        self.send_response(206)
        self.send_header("Content-Length", str(len(rest)))
        self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        self.wfile.write(rest[:cut])
        self.close_connection = cut is not None

    def answer(self, code: int, value: object, **headers: str) -> None:
        """JSON with headers."""
        body = json.dumps(value).encode()
        self.send_response(code)
        for name, text in {"Content_Type": "application/json", "Content_Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), text)
        self.end_headers()
        self.wfile.write(body)


def entry(name: str, data: bytes) -> dict:
    """A file as the hub lists it."""
    blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    listed = {"type": "file", "path": name, "size": len(data), "oid": blob}
    if name.endswith(LARGE):
        listed["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 130}
    return listed
