"""Number of training images in the raw-pixel baseline."""

from simsiam_core.metrics import Metric
from simsiam_core.metrics.val_knn_accuracy_raw_pixels import RAW_PIXELS_ACCURACY

RAW_PIXELS_IMAGES = "val/raw_pixels_images"
ENTRY = Metric(
    name=RAW_PIXELS_IMAGES,
    title="Images of the raw pixels",
    help="Training images whose raw pixels were compared, where that was not all of them.",
    order=24,
    unit="images",
    format=",.0f",
    qualifies=RAW_PIXELS_ACCURACY,
    phrase="on {:,.0f} images",
    cadence="once, before training",
)
