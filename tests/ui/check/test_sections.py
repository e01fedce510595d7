"""What Check data lists: a page at a time, with a word about a network that is not to be relied on."""

from __future__ import annotations

import numpy as np
import pytest

from simsiam_core.features.findings import Diagnosis, Finding
from simsiam_core.features.inspection import ImageRecord
from simsiam_core.runs.verdict import Verdict
from simsiam_core.ui.check.sections import AT_ONCE, SECTIONS, page_of, section

GOOD = Verdict("good", "Better than raw pixels.")
BAD = Verdict("bad", "Below raw pixels: kNN 42.9%, where comparing the images gives 70.0%.", "Train longer.")


def image(name: str, label: str | None = "dots") -> ImageRecord:
    return ImageRecord(name, label, np.zeros((4, 4, 3), np.uint8))


@pytest.fixture
def found() -> Diagnosis:
    labels = tuple(Finding(image(f"{i}.png"), 0.9, "why", (image("n.png"),), "waves") for i in range(45))
    pairs = (Finding(image("a.png"), 0.99, "features 1.000", (image("test/b.png", None),)),)
    return Diagnosis(pairs, (), labels, {"duplicates": 1, "outliers": 0, "labels": 240}, 1829)


def test_a_page_at_a_time(found: Diagnosis) -> None:
    assert [f.image.id for f in page_of("labels", found, AT_ONCE)] == [f"{i}.png" for i in range(20, 40)]
    assert len(page_of("labels", found, 40)) == 5
    assert page_of("labels", found, -20) == page_of("labels", found, 999) == page_of("labels", found, 0)
    value = section("labels", found, 20, page_of("labels", found, 20), GOOD)
    assert (value["start"], value["listed"], len(value["rows"])) == (20, 45, 20)
    assert value["note"].startswith("240 of 1,829: ") and "The first 45 can be looked at." in value["note"]
    assert value["rows"][0]["title"] == "dots → waves" and value["doubt"] == ""


def test_both_names_of_a_pair_are_there(found: Diagnosis) -> None:
    (row,) = section("duplicates", found, 0, found.duplicates, GOOD)["rows"]
    assert [row["image"]["id"], row["evidence"][0]["id"]] == ["a.png", "test/b.png"]
    assert [row["image"]["label"], row["evidence"][0]["label"]] == ["dots", None]


def test_a_network_below_raw_pixels_does_not_accuse_labels_without_a_word(found: Diagnosis) -> None:
    value = section("labels", found, 0, page_of("labels", found, 0), BAD)
    assert value["doubt"].startswith(BAD.sentence) and "its own mistake" in value["doubt"]
    pairs = section("duplicates", found, 0, found.duplicates, BAD)
    assert pairs["doubt"] == "" and BAD.sentence in pairs["note"]  # they are compared by pixels, too
    assert all(text.doubt for text in SECTIONS.values())


def test_nothing_found_is_said(found: Diagnosis) -> None:
    value = section("outliers", found, 0, (), BAD)
    assert value["rows"] == [] and value["empty"] == "Nothing found at this threshold." and not value["doubt"]
