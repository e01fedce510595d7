from __future__ import annotations

import base64
import io
import time

import numpy as np
import pytest
from PIL import Image
from tiny import tiny

from simsiam_core.ui import text
from simsiam_core.ui.components.images import card, data_uri, gallery
from simsiam_core.ui.train.summary import summary


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-3, "0 s"),
        (59.4, "59 s"),
        (185, "3 min 5 s"),
        (60 * 42, "42 min"),
        (7500, "2 h 5 min"),
        (86_400 * 4 + 10_800, "4 d 3 h"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert text.duration(seconds) == words


def test_moments_name_the_day_unless_it_is_today() -> None:
    assert text.moment(time.time()) == time.strftime("%H:%M")
    assert text.moment(time.mktime((2020, 3, 3, 14, 2, 0, 0, 0, -1))) == "3 Mar 14:02"


def test_rates_and_names() -> None:
    assert text.rate(1240.4) == "1,240 images/s"
    assert text.rate(3.21) == "3.2 images/s"
    assert text.run_name("20261123-192010-quick-ac89") == "quick · ac89"


def test_text_never_becomes_markup() -> None:
    assert text.problem("<b>") == '<p class="problem">&lt;b&gt;</p>'


def test_a_card_holds_its_image_unchanged() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    value = card("train/dots/1", pixels, "dots", similarity=0.5, agrees=True)
    head, _, content = value["src"].partition(",")
    assert head == "data:image/png;base64"
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(content)))), pixels)
    assert gallery([value], note="One.")["cards"] == [value]
    assert value["src"] == data_uri(pixels)


def test_the_summary_says_what_a_config_comes_to() -> None:
    text = summary(tiny(training={"batch_size": 128}), 1000)
    assert "0.1 = 0.2 × 128 / 256" in text
    assert "7 an epoch, 21 in all (1,000 training images)" in text
    assert "64 numbers an image" in text
    assert "collapse" not in text
    assert "collapse" in summary(tiny(model={"stop_gradient": False}), 1000)
    assert "an epoch" not in summary(tiny(), None)
