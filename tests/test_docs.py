"""The documentation: every command in it is one that the program takes, and every link leads somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from simsiam_core.cli import build_parser

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAM = "python -m simsiam_core "


def documented_commands(page: Path) -> list[str]:
    """Commands of a page: lines of its code blocks, continued ones joined, and pieces of code in its prose."""
    text = page.read_text(encoding="utf-8").replace("\\\n", " ")
    found = re.findall(rf"^\s*{re.escape(PROGRAM)}(.+)$", text, re.MULTILINE)
    found += re.findall(rf"`{re.escape(PROGRAM)}([^`]+)`", text)
    return found


@pytest.mark.parametrize(
    ("page", "command"), [(page.name, command) for page in PAGES for command in documented_commands(page)]
)
def test_every_documented_command_parses(page: str, command: str) -> None:
    words = shlex.split(command, comments=True)
    numbered = ["3" if word == "S" else word for word in words]  # S stands for a seed
    build_parser().parse_args(numbered)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    broken = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not broken


def test_there_are_commands_to_check() -> None:
    assert sum(len(documented_commands(page)) for page in PAGES) > 30
