"""Precision in which the network encoded the images for kNN accuracy."""

from simsiam_core.metrics import Metric
from simsiam_core.metrics.val_knn_accuracy import KNN_ACCURACY

KNN_BITS = "val/knn_bits"
ENTRY = Metric(
    name=KNN_BITS,
    title="Precision of the kNN check",
    help="16 where a GPU encoded in half precision for kNN accuracy; absent where it was fp32.",
    order=22,
    unit="bits",
    format=".0f",
    qualifies=KNN_ACCURACY,
    phrase="encoded in {:.0f} bits",
    cadence="with kNN accuracy",
)
