"""BibTeX for every method that can be trained with."""

from __future__ import annotations

import pytest

from simsiam_core.config import parse
from simsiam_core.config.sections.objective import method_names
from simsiam_core.evaluation.citation import citation
from simsiam_core.training.methods import METHODS


@pytest.mark.parametrize("method", method_names())
def test_every_method_names_its_paper(method: str) -> None:
    text = citation(parse({"objective": {"method": method}}))
    assert text.startswith(f"@inproceedings{{{method},") and text.count("@") == 1
    assert text.count("{") == text.count("}")
    for field in ("title", "author", "booktitle", "year"):
        assert f"  {field} " in text
    first_author = text.split("author")[1].split("{")[1].split(",")[0]
    assert first_author in METHODS.get(method).help


def test_more_views_are_fastsiam_too() -> None:
    assert "@inproceedings{fastsiam," in citation(parse({"objective": {"views": 4}}))
    assert "fastsiam" not in citation(parse({"objective": {"views": 4, "method": "vicreg"}}))
