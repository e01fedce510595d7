"""Learning rate of the encoder."""

from simsiam_core.metrics import Metric

LEARNING_RATE = "train/lr"
ENTRY = Metric(
    name=LEARNING_RATE,
    title="Learning rate",
    help="Of backbone and projector, as the step used it: linear warm-up, then half a cosine (SimSiam, section 4).",
    order=30,
    format=".4g",
    bounds=(0, None),
    key="lr",
    chart="lr",
    note="dotted: predictor",
    axis=(0, None),
    cadence="every step",
)
