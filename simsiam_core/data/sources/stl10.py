"""STL-10 data source (Coates et al., 2011)."""

from __future__ import annotations

from simsiam_core.data.sources._published import published_source

# Only the 5,000 labelled training images: STL-10's other 100,000 have no labels, which kNN accuracy needs.
ENTRY = published_source(
    "stl10",
    "STL10",
    title="STL-10",
    help="5,000 training and 8,000 test images of ten classes, 96 px.",
    train_count=5_000,
    test_count=8_000,
    classes=10,
    download="2.6 GB",
)
