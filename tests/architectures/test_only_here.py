"""No other file of the package knows the name of a tensor: what a pass asks for is a role."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import infopt_compiler
from infopt_compiler.architectures import families

PACKAGE = Path(infopt_compiler.__file__).parent
OTHERS = {  # names that are not the model's
    "artifacts/onnx_view.py": "nodes of the onnxruntime-genai builder",
    "passes/export/nodes.py": "nodes of the onnxruntime-genai builder",
    "passes/export/graph.py": "initializers as that builder names them",
    "passes/export/stages.py": "nodes of that builder",
    "passes/shard/run/reference.py": "how transformers 5 stacks experts",
    "diagnostics/codes/shard.py": "an explanation",
}


def names() -> set[str]:
    """Of the linears, norms and tables of all families; words that mean other things too are left out."""
    found: set[str] = set()
    for family in families():
        block, around = family.block, family.names
        linears = [*block.linears(), *block.experts, *([block.router] if block.router else [])]
        found.update(linear.module.partition("{")[0].rstrip(".") for linear in linears)
        found.update(linear.leaf for linear in linears if "_" in linear.leaf)
        found.update(norm.module for norm in block.norms)
        found.update((around.embedding, around.head, around.layers, around.last_norm, around.rotary))
        found.update((around.positions, around.segments, around.optional_prefix))
    return {name for name in found if "." in name or "_" in name}


def literals(file: Path) -> Iterator[str]:
    """String constants that are no docstrings."""
    tree = ast.parse(file.read_text("utf-8"))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            body[0].value = ast.Constant(None)  # a docstring, or nothing
    return (
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_no_file_names_a_tensor() -> None:
    known, found = names(), {}
    for file in sorted(PACKAGE.rglob("*.py")):
        place = file.relative_to(PACKAGE).as_posix()
        if place.startswith("architectures/"):
            continue
        hits = {name for text in literals(file) for name in known if name in text}
        if hits:
            found[place] = hits
    assert found.keys() == OTHERS.keys(), found


def test_no_file_asks_for_a_model_type() -> None:
    types = {family.name for family in families()} - {"llama", "bert"}  # words of their own
    pre_tokenizers = "sources/gguf_tokenizer.py"  # GGUF's names of these
    for file in sorted(PACKAGE.rglob("*.py")):
        place = file.relative_to(PACKAGE).as_posix()
        if not place.startswith("architectures/") and place != pre_tokenizers:
            assert not types & set(literals(file)), file
