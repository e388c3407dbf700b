"""A folder laid out like the hub's cache, and a hub of one model on this machine."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub.constants
import pytest

from autograder.errors import AssignmentError

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def lay_out(cache: Path, name: str, commit: str, source: Path) -> Path:
    """Put a model's files where huggingface_hub keeps those it downloads: blobs, and links to them by commit."""
    repository = cache / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (repository / "blobs").mkdir(exist_ok=True)
    (repository / "refs").mkdir(exist_ok=True)
    (repository / "refs" / "main").write_text(commit)
    for path in source.iterdir():
        if path.is_file():
            blob = hashlib.sha256(path.read_bytes()).hexdigest()
            shutil.copy(path, repository / "blobs" / blob)
            (snapshot / path.name).symlink_to(Path("../../blobs") / blob)
    return snapshot


@pytest.fixture
def hub_cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of the hub, for this process and those that it starts."""
    cache = tmp_path / "hub"
    cache.mkdir()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    return cache


@pytest.fixture
def local_hub():
    """Serve folders as the model `course/tiny`, as the hub does; returns a function that names a folder."""
    files: dict[str, bytes] = {}

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.answer(body=False)

        def do_GET(self):
            self.answer(body=True)

        def answer(self, *, body):
            path = self.path.split("?")[0]
            if path.startswith("/api/models/course/tiny/tree/"):
                told = [
                    {
                        "type": "file",
                        "path": name,
                        "size": len(content),
                        "oid": hashlib.sha1(content).hexdigest(),
                    }
                    for name, content in files.items()
                ]
                self.send(json.dumps(told).encode(), body=body, kind="application/json")
            elif path.startswith("/api/models/course/tiny"):
                told = {
                    "id": "course/tiny",
                    "sha": COMMIT,
                    "siblings": [{"rfilename": name} for name in files],
                }
                self.send(json.dumps(told).encode(), body=body, kind="application/json")
            elif path.startswith("/course/tiny/resolve/") and path.rsplit("/", 1)[1] in files:
                self.send(files[path.rsplit("/", 1)[1]], body=body, kind="application/octet-stream")
            else:
                self.send_response(404)
                self.send_header("X-Error-Code", "RepoNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()

        def send(self, content, *, body, kind):
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if body:
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def serve(folder: Path, without: tuple[str, ...] = ()) -> None:
        files.update({path.name: path.read_bytes() for path in folder.iterdir() if path.name not in without})

    serve.address = f"http://127.0.0.1:{server.server_port}"
    yield serve
    server.shutdown()
    server.server_close()


def fetched(hub, cache: Path, name: str, commit: str) -> Path:
    """Fetch a model in a process that knows this hub and this cache alone; its error is raised here."""
    code = (
        "import sys; from autograder.course.hub import fetch_snapshot; from autograder.errors import AssignmentError\n"
        "try: print(fetch_snapshot(*sys.argv[1:]))\n"
        "except AssignmentError as error: sys.exit(str(error))"
    )
    environment = {"PATH": os.environ["PATH"], "HF_ENDPOINT": hub.address, "HF_HUB_CACHE": str(cache)}
    command = [sys.executable, "-c", code, name, commit]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise AssignmentError(done.stderr.strip().splitlines()[-2])
    return Path(done.stdout.strip())
