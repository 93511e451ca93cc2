"""Writes the shards of a folder as streams: a few megabytes are held, whatever the size of the model."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from infopt_compiler.artifacts import ModelSpec
from infopt_compiler.artifacts.mesh import Coordinate, Mesh
from infopt_compiler.passes.shard.layout import ShardLayout, Slices
from infopt_compiler.passes.shard.tensors import Stored
from infopt_compiler.sources.tensors import ITEM_BYTES, Header, Tensor, header_bytes

from .errors import CannotWriteShards
from .files import Ranges, read_part, tensors_in, to_bfloat16
from .index import ShardFile, ShardIndex, Whole

Progress = Callable[[float, float, str], None]
_WEIGHTS = (".safetensors", ".safetensors.index.json", ".bin", ".gguf")


def source_tensors(folder: Path) -> dict[str, Tensor]:
    """The tensors of a Hugging Face or QuantizedModel folder, by name."""
    return {
        name: tensor
        for file in sorted(folder.glob("*.safetensors"))
        for name, tensor in tensors_in(file).items()
    }


def layout_of(folder: Path, mesh: Mesh, floats: str = "float32") -> ShardLayout:
    """The layout of the folder's own tensors, floats as they will be stored."""
    stored = {
        name: Stored(tensor.shape, ITEM_BYTES[_stored_dtype(tensor, floats)])
        for name, tensor in source_tensors(folder).items()
    }
    return ShardLayout(ModelSpec.from_folder(folder), mesh, stored)


def write_shards(source: Path, out: Path, mesh: Mesh, floats: str, progress: Progress) -> ShardIndex:
    """One file for each part of the model, the index, and the model's other files. CannotWriteShards on a full disk."""
    tensors, layout = source_tensors(source), layout_of(source, mesh, floats)
    places = {_file_name(at): at for at in mesh.coordinates() if at.data == at.sequence == 0}
    total, done = sum(layout.bytes_of(at) for at in places.values()), 0
    shards: dict[str, ShardFile] = {}
    try:
        for name, at in places.items():
            held = layout.held(at)
            shards[name] = _write_shard(out / name, tensors, held, floats)
            done += shards[name].tensor_bytes
            progress(done, total, f"wrote {name}")
        index = ShardIndex(
            mesh,
            tuple((stage.start, stage.stop) for stage in layout.stages),
            {
                name: Whole(one.shape, _stored_dtype(one, floats), one.path.name)
                for name, one in tensors.items()
            },
            shards,
            tuple(_file_name(at) for at in mesh.coordinates()),
        )
        index.write(out)
        _copy_companions(source, out, floats)
    except OSError as failure:
        raise CannotWriteShards(
            f"the shards could not be written: {failure}", help="is the disk full?"
        ) from failure
    return index


def _file_name(at: Coordinate) -> str:
    return f"stage-{at.pipeline}-tensor-{at.tensor}.safetensors"


def _stored_dtype(tensor: Tensor, floats: str) -> str:
    """Scales stay as they are: they belong to the integers."""
    narrowed = floats == "bfloat16" and tensor.dtype == "F32" and not tensor.name.endswith(".scales")
    return "BF16" if narrowed else tensor.dtype


def _write_shard(
    path: Path, tensors: Mapping[str, Tensor], held: Mapping[str, Slices], floats: str
) -> ShardFile:
    parts: dict[str, Ranges] = {name: tuple((s.start, s.stop) for s in part) for name, part in held.items()}
    headers = {
        name: Header(_stored_dtype(tensors[name], floats), tuple(last - first for first, last in part))
        for name, part in parts.items()
    }
    digest = hashlib.sha256()
    with path.open("wb") as file:
        file.write(head := header_bytes(headers))
        digest.update(head)
        for name, part in parts.items():
            narrow = headers[name].dtype != tensors[name].dtype
            for block in read_part(tensors[name], part):
                data = to_bfloat16(block) if narrow else block
                file.write(data)
                digest.update(data)
        file.flush()
        os.fsync(file.fileno())
    tensor_bytes = sum(header.bytes for header in headers.values())
    return ShardFile(path.name, len(head) + tensor_bytes, tensor_bytes, digest.hexdigest(), parts)


def _copy_companions(source: Path, out: Path, floats: str) -> None:
    """Configuration, tokenizer, chat template, and an integer table of the embedding: all that is not in the shards."""
    for path in sorted(source.iterdir()):
        if path.is_file() and not path.name.endswith(_WEIGHTS):
            shutil.copyfile(path, out / path.name)
    if (source / "embedding").is_dir():
        shutil.copytree(source / "embedding", out / "embedding", dirs_exist_ok=True)
    if floats == "bfloat16":
        config = json.loads((out / "config.json").read_text("utf-8"))
        config.pop("torch_dtype", None)
        (out / "config.json").write_text(json.dumps({**config, "dtype": floats}, indent=2) + "\n", "utf-8")
