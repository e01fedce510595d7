"""Accuracy of the online linear probe on the test images, measured during training."""

from simsiam_core.metrics import Metric

LINEAR_ACCURACY = "val/linear_accuracy"
ENTRY = Metric(
    name=LINEAR_ACCURACY,
    title="Online linear probe",
    help="Share of test images whose class is told by a linear classifier that is trained beside the network, on the "
    "features of each step's first view, which get no gradient of it. A running figure: a linear classifier on "
    "finished features (`evaluate linear`) does better. Needs labels and test images.",
    order=22,
    scale="fraction",
    format=".1%",
    bounds=(0, 1),
    key="probe",
    result=True,
    chart="knn",
    smoothed=False,
    cadence="with kNN accuracy, except before training",
)
