"""Accuracy of rotation prediction, if it is part of the objective."""

from simsiam_core.metrics import Metric

ROTATION_ACCURACY = "train/rotation_accuracy"
ENTRY = Metric(
    name=ROTATION_ACCURACY,
    title="Rotation accuracy",
    help="Share of small crops whose quarter turn was told (E-SimSiam: Dangovski et al., 2022). Chance is 25 %. Absent "
    "with other methods.",
    order=70,
    scale="fraction",
    format=".1%",
    bounds=(0, 1),
    cadence="every step",
)
