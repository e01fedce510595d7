"""Which network a file holds is found from names and shapes; what only a person can tell is asked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import Tensor
from torchvision import models

from simsiam_core.model.foreign import catalogue
from simsiam_core.model.foreign.content import ForeignFile
from simsiam_core.model.foreign.identification import candidates
from simsiam_core.model.foreign.understanding import AmbiguousNetworkError, Wishes, understand


def file_of(tensors: Mapping[str, Tensor]) -> ForeignFile:
    return ForeignFile("file.pth", "", {f"net.{name}": value for name, value in tensors.items()})


def found(tensors: Mapping[str, Tensor]) -> list[str]:
    return [each.title for each in candidates(file_of(tensors))]


@pytest.mark.parametrize(
    ("library", "name", "expected"),
    [
        (models.get_model, "resnet34", "resnet34, stem imagenet"),
        (models.get_model, "resnet101", "torchvision:resnet101"),
        (models.get_model, "densenet121", "torchvision:densenet121"),
        (timm.create_model, "seresnet18", "timm:seresnet18"),
        (timm.create_model, "convnext_atto", "timm:convnext_atto"),
        (timm.create_model, "swin_tiny_patch4_window7_224", "timm:swin_tiny_patch4_window7_224"),
        (timm.create_model, "mobilenetv3_small_050", "timm:mobilenetv3_small_050"),
    ],
)
def test_a_network_is_told_from_its_relatives(library: object, name: str, expected: str) -> None:
    """Also from those that have all its tensors, such as one with more blocks or with attention in between."""
    with torch.device("meta"):
        tensors = library(name).state_dict()  # type: ignore[operator]
    assert expected in found(tensors)
    assert not {"resnet18, stem imagenet", "resnet50, stem imagenet"} & set(found(tensors))


def test_a_network_newer_than_the_catalogue_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "timm:test_convnext"
    with np.load(catalogue.CATALOGUE) as content:
        kept = content["names"] != name
        np.savez(tmp_path / "older.npz", **{key: value[kept] for key, value in content.items()})
    monkeypatch.setattr(catalogue, "CATALOGUE", tmp_path / "older.npz")
    catalogue._read.cache_clear()
    try:
        with torch.device("meta"):
            tensors = timm.create_model("test_convnext").state_dict()
        assert name in found(tensors)
    finally:
        catalogue._read.cache_clear()


def test_equal_shapes_that_compute_differently_are_asked_about(tmp_path: Path) -> None:
    """EfficientNet-Lite0 and the one ported from TensorFlow differ in padding and in epsilon."""
    weights = timm.create_model("efficientnet_lite0", num_classes=3).state_dict()
    file = tmp_path / "file.pth"
    torch.save(weights, file)
    with pytest.raises(AmbiguousNetworkError, match="fits 2 networks equally") as caught:
        understand([file])
    assert [model.backbone for model in caught.value.choices] == [
        "timm:efficientnet_lite0",
        "timm:tf_efficientnet_lite0",
    ]
    (named,) = understand([file], Wishes(backbone="efficientnet_lite0"))
    assert named.match.left_over == ("classifier.weight", "classifier.bias")
    torch.save({"arch": "efficientnet_lite0", "state_dict": weights}, file)
    (told,) = understand([file])
    assert (told.model.backbone, told.named) == ("timm:efficientnet_lite0", True)
    assert told.equals == ("timm:tf_efficientnet_lite0",)
