"""The models that the benchmark compares: the model builder's own quantizations, and ours."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

# name → precision and extra options of `onnxruntime_genai.models.builder`
BUILDER: dict[str, tuple[str, list[str]]] = {
    "fp32 (builder)": ("fp32", []),
    "int8 (builder)": ("int8", []),
    "int4 (builder default)": ("int4", []),
    "k_quant_mixed (builder)": ("int4", ["algo_config=k_quant_mixed"]),
}


@dataclass(frozen=True)
class Variant:
    """`folder` as built; `threaded` the same with the machine's threads set in genai_config.json."""

    name: str
    folder: Path
    threaded: Path


def build(source: Path, work: Path, threads: int) -> list[Variant]:
    """Build each variant once into `work` (reused if it is there)."""
    variants = []
    for name, (precision, options) in BUILDER.items():
        folder = work / name.split(" (")[0]
        if not (folder / "genai_config.json").exists():
            _run_builder(source, folder, precision, options)
            _repair_tokenizer(source, folder)
        variants.append(Variant(name, folder, _threaded(folder, threads)))
    return variants


def _run_builder(source: Path, folder: Path, precision: str, options: list[str]) -> None:
    extra = ["--extra_options", *options] if options else []
    command = [sys.executable, "-m", "onnxruntime_genai.models.builder", "-i", str(source), "-o", str(folder)]
    command += ["-p", precision, "-e", "cpu", "-c", str(folder.parent / "cache"), *extra]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _repair_tokenizer(source: Path, folder: Path) -> None:
    """The builder's tokenizer may encode other ids than the model's; quality would then compare nothing."""
    from infopt_compiler.passes.export.tokenizer import write_portable_tokenizer

    write_portable_tokenizer(source, folder)


def _threaded(folder: Path, threads: int) -> Path:
    from infopt_compiler.passes.export.variants import set_threads

    destination = folder.with_name(folder.name + f"-{threads}-threads")
    if not destination.exists():
        set_threads(folder, destination, threads)
    return destination


def size_mb(folder: Path) -> float:
    return sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) / 1e6


def threads_of(folder: Path) -> int:
    """Threads that the artifact asks for; 0: the runtime's default."""
    config = json.loads((folder / "genai_config.json").read_text("utf-8"))
    return int(config["model"]["decoder"]["session_options"].get("intra_op_num_threads", 0))
