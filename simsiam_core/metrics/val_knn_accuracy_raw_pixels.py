"""kNN accuracy on raw pixels: the baseline for a representation."""

from simsiam_core.metrics import Metric

RAW_PIXELS_ACCURACY = "val/knn_accuracy_raw_pixels"
ENTRY = Metric(
    name=RAW_PIXELS_ACCURACY,
    title="kNN accuracy on raw pixels",
    help="The vote of kNN accuracy with pixels instead of features, measured once before training. A representation "
    "below it is worth less than the images themselves.",
    order=21,
    scale="fraction",
    format=".1%",
    bounds=(0, 1),
    chart="knn",
    level=True,
    cadence="once, before training",
)
