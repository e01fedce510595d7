from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from simsiam_core.bench import novelty
from simsiam_core.config import ConfigError


def test_pairs_in_order_are_counted_and_ties_are_half() -> None:
    assert novelty.auroc(torch.tensor([2.0, 1.0]), torch.tensor([0.0, 1.0])) == (1 + 1 + 1 + 0.5) / 4


def test_coloured_images_are_found_unlike_the_textures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for index in range(8):
        colour = np.full((32, 32, 3), (250, 20 * index, 0), np.uint8)
        Image.fromarray(colour).save(tmp_path / f"{index}.png")
    figures = novelty.measure(str(tmp_path))
    assert figures["images of the other folder"] == 8
    assert figures["found unlike"] == 1
    assert figures["AUROC"] > 0.98
    assert figures["false alarms"] <= 0.02


def test_without_a_folder_it_says_what_to_give() -> None:
    with pytest.raises(ConfigError, match="--path FOLDER"):
        novelty.measure()
