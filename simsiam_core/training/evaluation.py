"""kNN accuracy during training: feature bank from the training images, queries from the test images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from simsiam_core.config import Config
from simsiam_core.data import Dataset, ImageSet
from simsiam_core.data.memory import fits
from simsiam_core.features.encode import encode
from simsiam_core.features.knn import chosen_k, knn_accuracy
from simsiam_core.features.raw_pixels import RawPixels, raw_pixel_accuracy
from simsiam_core.model import Encoder
from simsiam_core.training.ranks import Ranks


class Evaluation:
    """Weighted kNN (Wu et al., 2018) on l2-normalised backbone features, under evaluation transforms."""

    def __init__(self, config: Config, dataset: Dataset, ranks: Ranks | None = None) -> None:
        self._ranks = ranks or Ranks()
        self._train, self._test = dataset.train, dataset.test
        self._k = config.knn.k or chosen_k(dataset.train.labels)
        self._temperature = config.knn.temperature
        self._mean, self._std = dataset.mean, dataset.std

    @property
    def possible(self) -> bool:
        """Whether there are training labels and labelled test images."""
        return self._train.labels is not None and self._test is not None and self._test.labels is not None

    def knn_accuracy(
        self,
        encoder: Encoder,
        train_images: Tensor | None = None,
        half: torch.dtype | None = None,
        also: Callable[[Tensor, Tensor], object] | None = None,
    ) -> float | None:
        """Measure the share of test images classified correctly by the vote of their nearest training images.

        Every process encodes its part of the images; the first one counts votes, the others get None.
        `train_images` are the training images if they are already on the device; `half` is the dtype that the
        network computes in, fp32 if None. Features and votes are always fp32.
        `also`, in the first process, gets the features `[N, D]` of the test images with their labels `[N]`.
        """
        assert self._test is not None
        self._ranks.broadcast_buffers(encoder.backbone)
        self._place(next(encoder.backbone.parameters()).device)
        encoder.backbone.eval()
        train = self._train if train_images is None else replace(self._train, images=train_images)
        try:
            bank, queries = (self._features(encoder, images, half) for images in (train, self._test))
        finally:
            encoder.backbone.train()
        if not self._ranks.first:
            return None
        if also:
            assert self._test.labels is not None
            also(queries, self._test.labels.to(queries.device))
        return self._accuracy(bank, queries)

    def _place(self, device: torch.device) -> None:
        """Move the test images to the device if they fit: every check needs them."""
        assert self._test is not None
        images = self._test.images
        if images.device.type != device.type and fits(images.nbytes, device):
            self._test = replace(self._test, images=images.to(device))

    def _features(self, encoder: Encoder, images: ImageSet, half: torch.dtype | None) -> Tensor:
        device = next(encoder.backbone.parameters()).device
        features, mine = (
            torch.zeros(len(images), encoder.dim, device=device),
            self._ranks.shard(len(images)),
        )
        encode(encoder, images[mine], str(device), out=features[mine], half=half)
        self._ranks.all_reduce(features)
        return features

    def raw_pixels(self, device: torch.device) -> RawPixels:
        """Measure the same accuracy on raw pixels: the baseline for a representation."""
        assert self._test is not None
        return raw_pixel_accuracy(
            self._train, self._test, self._mean, self._std, self._k, self._temperature, str(device)
        )

    def _accuracy(self, bank: Tensor, queries: Tensor) -> float:
        assert self._test is not None and self._train.labels is not None and self._test.labels is not None
        labels, truth = (labels.to(bank.device) for labels in (self._train.labels, self._test.labels))
        return knn_accuracy(bank, labels, queries, truth, self._k, self._temperature)
