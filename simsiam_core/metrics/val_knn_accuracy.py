"""kNN accuracy on the test images, measured during training."""

from simsiam_core.metrics import Metric

KNN_ACCURACY = "val/knn_accuracy"
ENTRY = Metric(
    name=KNN_ACCURACY,
    title="kNN accuracy",
    help="Share of test images whose nearest training images vote for their class, by backbone features (Wu et al., "
    "2018; SimSiam, section 4 and appendix D). Needs labels and test images.",
    order=20,
    scale="fraction",
    format=".1%",
    bounds=(0, 1),
    key="knn",
    column="kNN",
    result=True,
    chart="knn",
    smoothed=False,
    note="dotted: kNN on raw pixels; dashed: online linear probe",
    waiting="Nothing measured yet. It takes labels and test images, and comes as often as set under kNN check.",
    cadence="before training, every so many epochs as set, and at the end",
)
