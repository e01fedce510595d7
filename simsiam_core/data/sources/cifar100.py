"""CIFAR-100 data source with the 100 fine labels (Krizhevsky, 2009)."""

from __future__ import annotations

from simsiam_core.data.sources._published import published_source

ENTRY = published_source(
    "cifar100",
    "CIFAR100",
    title="CIFAR-100",
    help="50,000 training and 10,000 test images of a hundred classes, 32 px.",
    train_count=50_000,
    test_count=10_000,
    classes=100,
    download="169 MB",
)
