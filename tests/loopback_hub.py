"""A model hub on loopback that speaks what a download needs: lists of files, HEAD with etags, a CDN with ranges."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "a" * 40
_MEBI = 1 << 20


class LoopbackHub(ThreadingHTTPServer):
    """Serves `files` ("repo/file" -> bytes) and misbehaves as told.

    `behaviour` is "" or, for requests of metadata, "hang" (answers nothing), "broken" (500), "refuse" (403); for
    downloads "cut" (breaks off after half), "stall" (half, then nothing), "wrong" (other bytes), "short" (fewer),
    "whole" (ignores ranges), "slow". `ranges` lists where each download began, `requests` counts those of metadata.
    """

    daemon_threads = True

    def __init__(self, files: dict[str, bytes]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files, self.behaviour, self.ranges, self.requests = files, "", [], 0
        self.leave = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.cdn = f"http://localhost:{self.server_port}"  # to a client another host, as the real CDN is
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        """Stop at once, letting go of requests that hang."""
        self.leave.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LoopbackHub

    def log_message(self, *args) -> None:
        """Keep the tests' output clean."""

    def do_HEAD(self) -> None:
        hub = self.server
        hub.requests += 1
        if hub.behaviour == "hang":
            hub.leave.wait(30)
        file = re.fullmatch(r"/(?P<repo>.+)/resolve/main/(?P<name>.+)", self.path)
        if code := {"broken": 500, "refuse": 403 if file else 0}.get(hub.behaviour):
            self.answer(code)
        elif not file:
            self.answer(200)
        elif (data := hub.files.get(f"{file['repo']}/{file['name']}")) is None:
            known = any(name.startswith(f"{file['repo']}/") for name in hub.files)
            self.answer(404, X_Error_Code="EntryNotFound" if known else "RepoNotFound")
        else:
            self.answer(
                302,
                Location=f"{hub.cdn}/{file['repo']}/{file['name']}",
                X_Repo_Commit=COMMIT,
                X_Linked_Etag=f'"{hashlib.sha256(data).hexdigest()}"',
                X_Linked_Size=len(data),
                ETag='"of-the-redirect"',
            )

    def do_GET(self) -> None:
        hub = self.server
        if listed := re.match(r"/api/models/(?P<repo>[^?]+)", self.path):
            self.list_files(listed["repo"])
            return
        data = hub.files[self.path[1:]]
        start = int(re.match(r"bytes=(\d+)-", self.headers.get("Range", "bytes=0-"))[1])
        hub.ranges.append(start)
        if hub.behaviour == "short":
            self.answer(200, data[: len(data) // 2])
        elif hub.behaviour == "whole":
            self.answer(200, data)
        else:
            rest = (bytes(len(data)) if hub.behaviour == "wrong" else data)[start:]
            self.answer(206, rest, Content_Range=f"bytes {start}-{len(data) - 1}/{len(data)}")

    def list_files(self, repo: str) -> None:
        """What the hub says of a model, as far as a download asks."""
        hub = self.server
        hub.requests += 1
        sizes = {name.removeprefix(f"{repo}/"): len(data) for name, data in hub.files.items()}
        files = [{"rfilename": name, "size": size} for name, size in sizes.items() if f"{repo}/{name}" in hub.files]
        if files:
            body = json.dumps({"id": repo, "sha": COMMIT, "siblings": files}).encode()
            self.answer(200, body, whole=True, Content_Type="application/json")
        else:
            self.answer(404, X_Error_Code="RepoNotFound")

    def answer(self, code: int, body: bytes = b"", whole: bool = False, **headers: object) -> None:
        """Send headers and, to a GET, as much of the body as the behaviour lets through, or the whole."""
        self.send_response(code)
        for name, value in {"Content_Length": len(body), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        behaviour = "" if whole else self.server.behaviour
        sent = len(body) // 2 if behaviour in ("cut", "stall") else len(body)
        for i in range(0, sent, _MEBI):
            self.wfile.write(body[i : min(i + _MEBI, sent)])
            time.sleep(0.02 if behaviour == "slow" else 0)
        if sent < len(body):
            if behaviour == "stall":
                self.server.leave.wait(30)
            self.close_connection = True
