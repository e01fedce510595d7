"""kNN accuracy while training: bank from the training images, queries from the test images."""

from __future__ import annotations

import torch
from torch import Tensor

from simsiam_core.config import Config
from simsiam_core.data import Dataset, ImageSet
from simsiam_core.features.encode import encode
from simsiam_core.features.knn import knn_accuracy, raw_pixel_features
from simsiam_core.model import Encoder
from simsiam_core.training.ranks import Ranks


class Evaluation:
    """Weighted kNN (Wu et al., 2018) on l2-normalised backbone features, under evaluation transforms."""

    def __init__(self, config: Config, dataset: Dataset, ranks: Ranks | None = None) -> None:
        self._ranks = ranks or Ranks()
        self._knn = config.knn
        self._train, self._test = dataset.train, dataset.test
        self._mean, self._std = dataset.mean, dataset.std

    @property
    def possible(self) -> bool:
        """Whether there are labels to vote with and test images to ask about."""
        return self._train.labels is not None and self._test is not None and self._test.labels is not None

    def knn_accuracy(self, encoder: Encoder) -> float | None:
        """Share of test images whose neighbours among the training images vote for the right class.

        Every process encodes its part of the images; the first one counts votes, the others get None.
        """
        assert self._test is not None
        self._ranks.agree_on_buffers(encoder.backbone)
        encoder.backbone.eval()
        try:
            bank, queries = (self._features(encoder, images) for images in (self._train, self._test))
        finally:
            encoder.backbone.train()
        return self._accuracy(bank, queries) if self._ranks.first else None

    def _features(self, encoder: Encoder, images: ImageSet) -> Tensor:
        device = next(encoder.backbone.parameters()).device
        features, mine = (
            torch.zeros(len(images), encoder.dim, device=device),
            self._ranks.part(len(images)),
        )
        encode(encoder, images[mine], str(device), out=features[mine])
        self._ranks.fill(features)
        return features

    def raw_pixel_accuracy(self) -> float:
        """The same vote on raw pixels: what a representation has to beat."""
        assert self._test is not None
        bank, queries = (
            raw_pixel_features(images.images, self._mean, self._std) for images in (self._train, self._test)
        )
        return self._accuracy(bank, queries)

    def _accuracy(self, bank: Tensor, queries: Tensor) -> float:
        assert self._test is not None and self._train.labels is not None and self._test.labels is not None
        labels, truth = (labels.to(bank.device) for labels in (self._train.labels, self._test.labels))
        return knn_accuracy(bank, labels, queries, truth, self._knn.k, self._knn.temperature)
