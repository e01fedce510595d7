"""Training throughput."""

from simsiam_core.metrics import Metric

IMAGES_PER_SECOND = "train/images_per_second"
ENTRY = Metric(
    name=IMAGES_PER_SECOND,
    title="Images per second",
    help="Training images a second since the line before; kNN checks and checkpoints between epochs are left out.",
    order=60,
    unit="images/s",
    format=",.0f",
    bounds=(0, None),
    decimals=1,
    key="speed",
    chart="speed",
    note="kNN checks and checkpoints left out",
    axis=(0, None),
    cadence="about twice a second",
)
