"""Load of the machine's processors."""

from simsiam_core.metrics import Metric

CPU_LOAD = "system/cpu"
ENTRY = Metric(
    name=CPU_LOAD,
    title="Processor and GPU",
    help="Share of the machine's processor time in use, by all programs, since the value before.",
    order=80,
    scale="fraction",
    format=".0%",
    bounds=(0, 1),
    decimals=3,
    key="cpu",
    chart="cpu",
    note="of the whole machine in use; dotted: this run's GPU",
    axis=(0, 1.05),
    cadence="every few seconds and at the end",
)
