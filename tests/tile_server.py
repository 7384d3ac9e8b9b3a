"""A tile server on loopback that behaves as badly as real ones: slow, busy, broken, huge, or a web page."""

from __future__ import annotations

import io
import struct
import threading
import time
import zlib
from collections.abc import Callable
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image, ImageDraw

Answer = tuple[int, bytes, dict[str, str]]


@cache
def tile_png(z: int, x: int, y: int, side: int = 256) -> bytes:
    """A picture that no other tile has."""
    image = Image.new("RGB", (side, side), (37 * x % 256, 91 * y % 256, 53 * z % 256))
    ImageDraw.Draw(image).ellipse((16, 16, 64 + (x * 7 + y * 13) % 128, 120), fill=(255, 240, 10))
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


@cache
def giant_png() -> bytes:
    """10,000 x 10,000 pixels in a few KB."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 10_000, 10_000, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(10_000 * (1 + 10_000 // 8)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def page() -> Answer:
    return 200, b"<!doctype html><title>Sorry</title>", {"Content-Type": "text/html"}


class TileServer(ThreadingHTTPServer):
    """Answers /z/x/y as `answer(z, x, y, nth request for it)` says: status, body, headers; slowly if asked to.

    Attributes:
        times: when each request came, monotonic.
        paths: what was asked for, with the query.
        most: requests that were open at once.
    """

    daemon_threads = True

    def __init__(self, answer: Callable[[int, int, int, int], Answer] | None = None, *, slow_s: float = 0.0) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer = answer or (lambda z, x, y, nth: (200, tile_png(z, x, y), {}))
        self.slow_s, self.times, self.paths, self.headers = slow_s, list[float](), list[str](), list[dict[str, str]]()
        self.open, self.most, self.lock, self.leave = 0, 0, threading.Lock(), threading.Event()
        self.base = f"http://127.0.0.1:{self.server_port}"
        self.url = f"{self.base}/{{z}}/{{x}}/{{y}}.png"

    def __enter__(self) -> TileServer:
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: TileServer

    def log_message(self, *_: object) -> None:
        """Keep the tests' output clean."""

    def do_GET(self) -> None:
        server = self.server
        with server.lock:
            server.times.append(time.monotonic())
            nth = server.paths.count(self.path)
            server.paths.append(self.path)
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            server.open += 1
            server.most = max(server.most, server.open)
        try:
            if server.slow_s and server.leave.wait(server.slow_s):
                return
            z, x, y = (int(part) for part in self.path.split("?")[0].removesuffix(".png").strip("/").split("/")[:3])
            code, body, headers = server.answer(z, x, y, nth)
            self.send_response(code)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)
        finally:
            with server.lock:
                server.open -= 1
