"""CIFAR-10 data source (Krizhevsky, 2009)."""

from __future__ import annotations

from simsiam_core.data.sources._published import published_source

ENTRY = published_source(
    "cifar10",
    "CIFAR10",
    title="CIFAR-10",
    help="50,000 training and 10,000 test images of ten classes, 32 px.",
    train_count=50_000,
    test_count=10_000,
    classes=10,
    download="170 MB",
)
