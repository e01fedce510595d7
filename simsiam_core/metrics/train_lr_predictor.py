"""Learning rate of the predictor."""

from simsiam_core.metrics import Metric

PREDICTOR_LEARNING_RATE = "train/lr_predictor"
ENTRY = Metric(
    name=PREDICTOR_LEARNING_RATE,
    title="Learning rate of the predictor",
    help="As the step used it; constant where that is set (SimSiam, section 4.2 and table 1).",
    order=31,
    format=".4g",
    bounds=(0, None),
    chart="lr",
    cadence="every step",
)
