"""The page's scripts: linted, their pure functions tested by Node where it is there, and styles that nothing uses."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from simsiam_core.assets import PACKAGE, asset_path
from simsiam_core.ui.components.scripts import script

HERE = Path(__file__).parent
SCRIPTS = sorted(asset_path("ui").rglob("*.js"))
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(
    NODE is None, reason="Node is not installed, so the scripts' functions are not run."
)
# Classes that gradio gives its own elements.
GRADIO = {
    "gradio-container", "html-container", "info-text", "prose", "secondary-wrap", "slider_input_container",
    "tab-container", "tab-wrapper", "tabitem", "wrap-inner",
}  # fmt: skip


def node(*arguments: str, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
    assert NODE
    return subprocess.run([NODE, *arguments], input=stdin, capture_output=True, text=True, timeout=120)


@needs_node
def test_the_functions_of_the_scripts() -> None:
    tests = sorted(str(path) for path in (HERE / "js").glob("*.test.js"))
    done = node("--test", *tests)
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(re.findall(r"^\D*pass (\d+)$", done.stdout, re.MULTILINE)[-1]) >= 17


@needs_node
def test_every_script_parses_in_strict_mode() -> None:
    """As gradio runs it: the body of a function."""
    names = [path.relative_to(asset_path("ui")).with_suffix("").as_posix() for path in SCRIPTS]
    bodies = "\n".join(f"(async function () {{ {script(name)}\n}});" for name in names)
    checked = node("--check", "-", stdin=f'"use strict";\n{bodies}')
    assert checked.returncode == 0, checked.stderr


@needs_node
def test_scripts_declare_what_they_use_and_use_what_they_declare() -> None:
    checked = node("--expose-internals", str(HERE / "js" / "lint.js"))
    if checked.returncode == 3:
        pytest.skip("This Node carries no parser that the lint could use.")
    assert (checked.returncode, checked.stdout) == (0, ""), checked.stdout + checked.stderr


def test_every_style_is_for_something() -> None:
    """A class or id that neither a script nor the page names is left over, and so is a property that is not read."""
    css = "\n".join(path.read_text(encoding="utf-8") for path in asset_path("ui").rglob("*.css"))
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    sources = [*SCRIPTS, *PACKAGE.rglob("*.py")]
    named = set(re.findall(r"[\w-]+", "\n".join(path.read_text(encoding="utf-8") for path in sources)))
    selectors = re.findall(r"[.#]([a-zA-Z_][\w-]*)", "".join(re.findall(r"([^{}]+)\{", css)))
    assert set(selectors) - named - GRADIO == set()
    properties = set(re.findall(r"(--[\w-]+)\s*:", css))
    assert properties - set(re.findall(r"var\((--[\w-]+)", css)) - named == set()
