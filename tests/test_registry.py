"""Entries are found by file name, imported when asked for, and refused in a sentence."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest

from simsiam_core import registry
from simsiam_core.registry import Registry, UnknownEntryError, names_in

# Every package that is a registry.
PACKAGES = ("config.evaluations", "data.sources", "evaluation.exporters", "evaluation.kinds", "metrics")
HEAVY = ("torch", "torchvision", "pandas", "gradio", "plotly", "sklearn", "pyarrow", "onnx")


@dataclass(frozen=True)
class Shape:
    sides: int


@pytest.fixture
def shapes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry[Shape]:
    folder = tmp_path / "shapes"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "_drawing.py").write_text("raise AssertionError('helpers are no entries')")
    (folder / "triangle.py").touch()
    (folder / "broken.py").touch()
    monkeypatch.setattr(registry, "PACKAGE_ROOT", tmp_path)
    modules = {
        "simsiam_core.shapes.triangle": SimpleNamespace(ENTRY=Shape(3), __name__="triangle"),
        "simsiam_core.shapes.broken": SimpleNamespace(ENTRY=3, __name__="broken"),
    }
    monkeypatch.setattr(registry.importlib, "import_module", modules.__getitem__)
    return Registry("shapes", Shape, "shape")


def test_names_are_listed_without_importing(shapes: Registry[Shape]) -> None:
    assert shapes.names == names_in("shapes") == ("broken", "triangle")


def test_an_entry_is_imported_once(shapes: Registry[Shape]) -> None:
    assert shapes.get("triangle") == Shape(3)
    assert shapes.get("triangle") is shapes.get("triangle")


def test_an_unknown_name_lists_those_there_are(shapes: Registry[Shape]) -> None:
    with pytest.raises(UnknownEntryError, match="no shape 'circle'; choose one of broken, triangle"):
        shapes.get("circle")


def test_a_module_without_an_entry_is_named(shapes: Registry[Shape]) -> None:
    with pytest.raises(TypeError, match="broken must define ENTRY, a Shape"):
        shapes.get("broken")


def test_importing_every_entry_imports_nothing_heavy() -> None:
    """The terminal and the page ask about all of them at their start."""
    modules = [f"simsiam_core.{package}.{name}" for package in PACKAGES for name in names_in(package)]
    assert len(modules) > 15
    code = f"import sys, importlib\nfor name in {modules}: importlib.import_module(name)\n"
    code += f"sys.exit(', '.join(name for name in {HEAVY} if name in sys.modules) or 0)"
    root = Path(__file__).resolve().parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, cwd=root, timeout=60)
