from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from simsiam_core.features.novelty import Novelty
from simsiam_core.runs.verdict import Verdict
from simsiam_core.ui.components.question import Query
from simsiam_core.ui.look import answers

FOUND = Novelty(similarity=0.412, usual=0.7, share=4 / 1001, held_out=1000, by_colours=False, from_test=True)


def test_how_unlike_an_image_is_stands_in_words_with_the_counts_it_rests_on() -> None:
    told = answers.unlike(FOUND)
    assert "Unlike anything here" in told
    assert "alike by 0.41 only; only 3 of 1,000 test images" in told
    alone = answers.unlike(replace(FOUND, share=1 / 1001, by_colours=True, from_test=False))
    assert "colours and edges" in alone
    assert "none of 1,000 of these images, each left out in turn" in alone


def test_a_network_that_is_no_good_is_said_beside_its_answer() -> None:
    bad = Verdict("bad", "Below raw pixels: kNN 42.9%.", "Train <longer>.")
    assert answers.distrusted(bad) == (
        '<p class="warning">Below raw pixels: kNN 42.9%. Train &lt;longer&gt;.</p>'
    )
    assert answers.distrusted(Verdict("good", "Better than raw pixels.")) == ""


def test_a_caption_says_whose_question_it_is_and_file_names_are_no_markup() -> None:
    mine = Query(file=Path("/tmp/x"), name="<b>cat.png")
    told = answers.caption(mine.title, "quick · 3f2a · epoch 10 · training images")
    assert "Your image &lt;b&gt;cat.png" in told
    assert "epoch 10 · training images" in told
    assert replace(mine, region=(0, 0, 0.5)).title == "A part of your image <b>cat.png"
    assert Query(id="cat/1.jpg", region=(0, 0, 0.5)).title == "A part of cat/1.jpg"
