"""Training loss."""

from simsiam_core.metrics import Metric

TRAIN_LOSS = "train/loss"
ENTRY = Metric(
    name=TRAIN_LOSS,
    title="Loss",
    help="Negative cosine similarity of predictions and projections (SimSiam, section 3, equations 1 and 2), plus "
    "the weighted loss of telling rotations where that is on. −1 is the least; a collapsed network reaches it too.",
    order=10,
    format=".4f",
    bounds=(-1, None),
    key="loss",
    result=True,
    chart="loss",
    note="−1 alone is no success",
    cadence="every step",
)
