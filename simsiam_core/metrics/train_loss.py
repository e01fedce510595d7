"""Training loss."""

from simsiam_core.metrics import Metric

TRAIN_LOSS = "train/loss"
ENTRY = Metric(
    name=TRAIN_LOSS,
    title="Loss",
    help="Loss of the training method (`docs/methods.md`). SimSiam's is the negative cosine similarity of predictions "
    "and projections (section 3, equations 1 and 2): −1 is the least, and a collapsed network reaches it too; "
    "E-SimSiam adds the weighted loss of telling rotations.",
    order=10,
    format=".4f",
    bounds=(-1, None),
    key="loss",
    result=True,
    chart="loss",
    note="a low loss alone is no success",
    cadence="every step",
)
