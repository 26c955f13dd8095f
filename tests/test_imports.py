"""Imports point one way, and the commands start without heavy libraries."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HEAVY = (
    "accelerate", "datasets", "faiss", "great_expectations", "math_verify", "openai", "reasoning_gym",
    "sentence_transformers", "sympy", "torch", "transformers", "vllm",
)  # fmt: skip
FORBIDDEN = {"schemas": ("curation", "train"), "curation": ("train",), "train": ()}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_point_one_way(package):
    for path in modules(package):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                assert node.module.split(".")[0] not in FORBIDDEN[package], path


def test_nothing_imports_the_command_line():
    for package in FORBIDDEN:
        for path in modules(package):
            assert "curation.cli" not in path.read_text(), path


def test_importing_every_module_loads_nothing_heavy():
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for package in FORBIDDEN
        for path in modules(package)
        if path.name != "__init__.py"
    ]
    code = f"import sys, importlib\nfor name in {names!r}: importlib.import_module(name)\n"
    code += f"print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
