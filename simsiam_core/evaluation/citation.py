"""BibTeX of what a run's network was trained with, from assets/papers.bib: an entry by the name of each method."""

from __future__ import annotations

import re
from functools import cache

from simsiam_core.assets import asset_path
from simsiam_core.config import Config
from simsiam_core.config.sections.objective import SIMSIAM

MORE_VIEWS = "fastsiam"  # SimSiam with more than two views


def citation(config: Config) -> str:
    """Return the BibTeX of the papers behind a config; empty if its method names none."""
    method, found = config.objective.method, _entries()
    names = [method, *([MORE_VIEWS] if method in SIMSIAM and config.objective.views > 2 else [])]
    return "\n\n".join(found[name] for name in names if name in found)


@cache
def _entries() -> dict[str, str]:
    text = asset_path("papers.bib").read_text(encoding="utf-8")
    return {
        entry[1]: entry[0] for entry in re.finditer(r"^@\w+\{(\w+),\n.*?^\}", text, re.MULTILINE | re.DOTALL)
    }
