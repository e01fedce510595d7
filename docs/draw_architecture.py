"""Draw docs/architecture.svg from the imports of simsiam_core: `python docs/draw_architecture.py`.

A box is a folder (or a module at the top of the package) on its floor; a line is drawn for the imports from one to
another, as wide as there are many. Standard library only.
"""

from __future__ import annotations

import ast
import math
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "simsiam_core"
FIGURE = ROOT / "docs" / "architecture.svg"
BOX, HEIGHT, ROW, WIDTH = 132, 46, 92, 1000  # px
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1f2933; text-anchor: middle }
.count { font-size: 11px; fill: #52606d }
.floor { text-anchor: start; font-size: 11px; fill: #7b8794 }
rect { fill: #ffffff; stroke: #7b8794; rx: 8px }
path { fill: none; stroke: #3b7dd8; stroke-opacity: 0.35 }
.page { fill: #f7f9fb; stroke: none }
"""


def floors() -> dict[str, int]:
    """Return the floor of each folder, as the architecture test enforces it."""
    tree = ast.parse((ROOT / "tests" / "test_architecture.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "FLOORS":
            there = {room(path) for path in PACKAGE.rglob("*.py")}
            return {name: floor for name, floor in ast.literal_eval(node.value).items() if name in there}
    raise LookupError("tests/test_architecture.py has no FLOORS.")


def room(path: Path) -> str:
    """Return the folder of a module, or the module's own name at the top of the package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Return the dotted names of all modules that a file imports. Raises ValueError for a relative import."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            if node.level or not node.module:
                raise ValueError(f"{path} has a relative import.")
            found.add(node.module)
            if node.module == "simsiam_core":
                found |= {f"simsiam_core.{alias.name}" for alias in node.names}
    return found


def count() -> tuple[Counter[str], Counter[tuple[str, str]]]:
    """Count the modules of each folder, and the pairs of a module and a folder that it imports from."""
    modules: Counter[str] = Counter()
    arrows: Counter[tuple[str, str]] = Counter()
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.name == "__init__.py" and path.parent == PACKAGE:
            continue
        here = room(path)
        modules[here] += 1
        ours = {name.split(".")[1] for name in imports(path) if name.startswith("simsiam_core.")}
        arrows.update((here, other) for other in ours - {here})
    return modules, arrows


def draw() -> str:
    """Return the figure as SVG."""
    modules, arrows = count()
    of_floor = floors()
    top = max(of_floor.values())
    place: dict[str, tuple[float, float]] = {}
    for floor in range(top + 1):
        here = sorted(name for name, its in of_floor.items() if its == floor)
        for i, name in enumerate(here):
            place[name] = (WIDTH * (i + 1) / (len(here) + 1), 20 + (top - floor) * ROW)
    parts = [f'<rect class="page" width="{WIDTH}" height="{(top + 1) * ROW}"/>']
    for (start, end), number in sorted(arrows.items()):
        if end not in place:
            continue
        (x, y), (to_x, to_y) = place[start], place[end]
        y, middle = y + HEIGHT, (y + HEIGHT + to_y) / 2
        wide = 0.6 + math.sqrt(number) / 2
        curve = f"M{x:.0f} {y} C{x:.0f} {middle:.0f} {to_x:.0f} {middle:.0f} {to_x:.0f} {to_y}"
        parts.append(
            f'<path d="{curve}" stroke-width="{wide:.1f}"><title>{start} → {end}: {number}</title></path>'
        )
    for name, (x, y) in place.items():
        parts.append(f'<rect x="{x - BOX / 2:.0f}" y="{y}" width="{BOX}" height="{HEIGHT}"/>')
        parts.append(f'<text x="{x:.0f}" y="{y + 20}">{name}</text>')
        noun = "module" if modules[name] == 1 else "modules"
        parts.append(f'<text class="count" x="{x:.0f}" y="{y + 37}">{modules[name]} {noun}</text>')
    parts += [f'<text class="floor" x="8" y="{20 + (top - f) * ROW + 27}">{f}</text>' for f in range(top + 1)]
    size = f'viewBox="0 0 {WIDTH} {(top + 1) * ROW}" width="{WIDTH}" height="{(top + 1) * ROW}"'
    body = "\n".join(parts)
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{STYLE}</style>\n{body}\n</svg>\n'


if __name__ == "__main__":
    FIGURE.write_text(draw(), encoding="utf-8")
    modules, arrows = count()
    print(
        f"{FIGURE.relative_to(ROOT)}: {sum(modules.values())} modules, {len(arrows)} arrows between folders"
    )
