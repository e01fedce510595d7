"""Memory of the training process."""

from simsiam_core.metrics import Metric

MEMORY = "system/memory"
ENTRY = Metric(
    name=MEMORY,
    title="Memory",
    help="Resident memory of the training process; of several, the first one's.",
    order=82,
    unit="GiB",
    format=".2f",
    bounds=(0, None),
    decimals=3,
    key="memory",
    chart="memory",
    note="GiB of the training process; dotted: in use on its GPU",
    axis=(0, None),
    cadence="every few seconds and at the end",
)
