"""The floors: a folder imports only from floors below its own, and the core knows no user interface."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "simsiam_core"
FLOORS = {
    "assets": 0,
    "garbage_collection": 0,
    "output": 0,
    "names": 0,
    "program": 0,
    "registry": 0,
    "lazy": 0,
    "metrics": 1,
    "config": 1,
    "data": 2,
    "runs": 2,
    "model": 3,
    "jobs": 3,
    "features": 4,
    "training": 5,
    "evaluation": 5,
    "bench": 6,
    "ui": 6,
    "cli": 7,
    "api": 7,
    "__main__": 8,
}
UI_LIBRARIES = {"gradio", "plotly"}
MODULES = sorted(PACKAGE.rglob("*.py"))

_SPECIFICATION = importlib.util.spec_from_file_location(
    "draw_architecture", ROOT / "docs/draw_architecture.py"
)
assert _SPECIFICATION and _SPECIFICATION.loader
drawing = importlib.util.module_from_spec(_SPECIFICATION)
_SPECIFICATION.loader.exec_module(drawing)
imports = drawing.imports


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_point_downwards(path: Path) -> None:
    folder = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    if folder == "__init__":
        return
    for module in imports(path):
        parts = module.split(".")
        if parts[0] == "simsiam_core" and len(parts) > 1 and parts[1] != folder:
            assert FLOORS[parts[1]] < FLOORS[folder], f"{path} imports {module} from its own floor or above"
        if parts[0] in UI_LIBRARIES:
            assert folder == "ui", f"{path} imports {module}"


def test_jobs_rest_on_runs_and_config_alone() -> None:
    for path in (PACKAGE / "jobs").glob("*.py"):
        ours = {m.split(".")[1] for m in imports(path) if m.startswith("simsiam_core.")}
        assert ours <= {"jobs", "runs", "config", "registry", "metrics"}


def test_every_folder_has_a_floor() -> None:
    folders = {p.relative_to(PACKAGE).parts[0].removesuffix(".py") for p in MODULES} - {"__init__"}
    assert folders <= FLOORS.keys()


def test_the_core_imports_without_the_page_and_umap() -> None:
    """As on a GPU box with neither gradio nor plotly nor umap-learn nor numba."""
    code = """
import sys
for name in ("gradio", "plotly", "umap", "numba", "sklearn", "pandas"):
    sys.modules[name] = None  # any import of it raises ImportError
import importlib
import simsiam_core.training.worker, simsiam_core.features.bank, simsiam_core.jobs, simsiam_core.cli
from simsiam_core.bench.accept import PARTS, child, runner
for part in PARTS:
    importlib.import_module("simsiam_core.bench.accept." + part)
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=120)


def test_the_terminal_starts_without_torch() -> None:
    """A job announces itself, and `runs list` answers, before the seconds that importing torch takes."""
    code = "import sys, simsiam_core.cli as cli; cli.build_parser(); sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=60)


def test_the_page_is_built_without_torch() -> None:
    """It comes in the background, while somebody reads the page."""
    code = "import sys, simsiam_core.ui.app; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, timeout=120)


def test_the_figure_shows_the_code_as_it_is() -> None:
    assert drawing.draw() == drawing.FIGURE.read_text(encoding="utf-8"), "run `make figures`"
