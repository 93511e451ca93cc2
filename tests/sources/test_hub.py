"""`hf:` against a small server on the loopback that speaks the hub's protocol, in a process with its own cache."""

from __future__ import annotations

import hashlib
import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import ClassVar

import pytest

from tests.execute.conftest import write_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(http.server.BaseHTTPRequestHandler):
    """One model `org/tiny`, one dataset `org/prose`, each with the revisions `main` and `v1`."""

    files: ClassVar[dict[str, bytes]] = {}
    cut = ""
    asked: ClassVar[list[str]] = []

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        self.asked.append(path)
        for kind, repository in (("models", "org/tiny"), ("datasets", "org/prose")):
            prefix = "" if kind == "models" else "datasets/"
            for revision in ("main", "v1", COMMIT):
                if path == f"/api/{kind}/{repository}/revision/{revision}":
                    return self._send(json.dumps(self._info(repository)).encode(), {}, body)
                start = f"/{prefix}{repository}/resolve/{revision}/"
                if path.startswith(start):
                    return self._file(path.removeprefix(start), body)
            if path.startswith(f"/api/{kind}/{repository}/tree/"):
                rows = [
                    {"type": "file", "path": n, "size": len(d), "oid": "1"} for n, d in self.files.items()
                ]
                return self._send(json.dumps(rows).encode(), {}, body)
            if f"/{repository}/" in path:
                return self._missing("RevisionNotFound")
        return self._missing("RepoNotFound")

    def _info(self, repository: str) -> dict[str, object]:
        siblings = [{"rfilename": name} for name in self.files]
        return {
            "id": repository,
            "sha": COMMIT,
            "siblings": siblings,
            "private": False,
            "tags": [],
            "downloads": 0,
        }

    def _file(self, name: str, body: bool) -> None:
        if name not in self.files:
            return self._missing("EntryNotFound")
        data = self.files[name]
        headers = {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT}
        return self._send(data, headers, body, cut=name == self.cut)

    def _send(self, data: bytes, headers: dict[str, str], body: bool, cut: bool = False) -> None:
        self.send_response(200)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data[: len(data) // 2] if cut else data)

    def _missing(self, code: str) -> None:
        self.send_response(404)
        self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        return None


@pytest.fixture
def hub(tmp_path):
    model = write_model(tmp_path / "hub-model")
    Hub.files = {path.name: path.read_bytes() for path in model.iterdir()}
    Hub.files |= {"README.md": b"read me", "pytorch_model.bin": b"pickle", "modeling_tiny.py": b"code"}
    Hub.files |= {"data/a.jsonl": b'{"text": "One."}\n{"text": "Two."}\n'}
    Hub.cut, Hub.asked = "", []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


_LOAD = """
import json, sys
from pathlib import Path
from typing import ClassVar
from infopt_compiler.artifacts import DataSpec
from infopt_compiler.sources.errors import SourceError
from infopt_compiler.sources.load import load_data, load_model
source, folder = sys.argv[1], Path(sys.argv[2])
told = []
tell = lambda done, total, message: told.append(done)
folder.mkdir(parents=True)
try:
    if "datasets/" in source:
        facts = load_data(source, folder, "text", (0.0, 1.0), DataSpec(), folder, tell)
    else:
        facts = load_model(source, folder, folder, folder / "scratch", tell)
    print(json.dumps({"facts": facts, "told": len(told)}))
except SourceError as wrong:
    print(json.dumps({"code": wrong.code, "message": str(wrong), "help": wrong.help}))
"""


def load(endpoint: str, tmp_path: Path, source: str, name: str = "out") -> dict:
    environment = {
        k: v for k, v in os.environ.items() if not k.startswith("HF_") and not k.lower().endswith("_proxy")
    }
    environment |= {"HF_ENDPOINT": endpoint, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_ETAG_TIMEOUT": "5"}
    environment |= {
        "HF_HUB_DOWNLOAD_TIMEOUT": "5",
        "HF_HUB_DISABLE_XET": "1",
        "INFOPT_CACHE": str(tmp_path / "cache"),
    }
    done = subprocess.run(
        [sys.executable, "-c", _LOAD, source, str(tmp_path / name)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_a_model_is_fetched_once_and_only_its_needed_files(hub, tmp_path):
    found = load(hub, tmp_path, "hf:org/tiny@v1")
    assert found["facts"]["commit"] == COMMIT and found["facts"]["architecture"] == "LlamaForCausalLM"
    assert found["told"] > 0
    asked = {path.rsplit("/", 1)[1] for path in Hub.asked if "/resolve/" in path}
    assert asked == {"config.json", "model.safetensors", "tokenizer.json"}
    Hub.asked.clear()
    load(hub, tmp_path, "hf:org/tiny@v1", "again")
    assert not any("/resolve/" in path and "safetensors" in path for path in Hub.asked)


def test_a_dataset_file(hub, tmp_path):
    found = load(hub, tmp_path, "hf:datasets/org/prose@main#data/a.jsonl")
    assert found["facts"]["documents"] == 2 and found["facts"]["commit"] == COMMIT
    assert found["facts"]["sha256"] == hashlib.sha256(Hub.files["data/a.jsonl"]).hexdigest()


@pytest.mark.parametrize(
    ("source", "code", "word"),
    [
        ("hf:org/none@main", "E0608", "no `org/none`"),
        ("hf:org/tiny@v9", "E0608", "no revision `v9`"),
        ("hf:datasets/org/prose#b.jsonl", "E0608", "no file `b.jsonl`"),
    ],
)
def test_what_the_hub_does_not_have(hub, tmp_path, source, code, word):
    found = load(hub, tmp_path, source)
    assert found.get("code") == code and word in found["message"], found


def test_a_download_that_is_cut_short(hub, tmp_path):
    Hub.cut = "model.safetensors"
    found = load(hub, tmp_path, "hf:org/tiny")
    assert found.get("code") in ("E0604", "E0605"), found
    Hub.cut = ""
    assert "facts" in load(hub, tmp_path, "hf:org/tiny", "again")


def test_no_network_and_what_was_fetched_before(hub, tmp_path):
    assert load("http://127.0.0.1:9", tmp_path, "hf:org/tiny").get("code") == "E0604"
    load(hub, tmp_path, "hf:org/tiny", "online")
    assert "facts" in load("http://127.0.0.1:9", tmp_path, "hf:org/tiny", "offline")
