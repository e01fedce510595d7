"""Side length of the images in the raw-pixel baseline."""

from simsiam_core.metrics import Metric
from simsiam_core.metrics.val_knn_accuracy_raw_pixels import RAW_PIXELS_ACCURACY

RAW_PIXELS_SIDE = "val/raw_pixels_side"
ENTRY = Metric(
    name=RAW_PIXELS_SIDE,
    title="Size of the raw pixels",
    help="Side of the images where raw pixels were compared at a smaller size, or only some of them.",
    order=23,
    unit="px",
    format=".0f",
    qualifies=RAW_PIXELS_ACCURACY,
    phrase="at {:.0f} px",
    cadence="once, before training",
)
