"""Load of the GPUs that a run trains on."""

from simsiam_core.metrics import Metric

GPU_LOAD = "system/gpu"
ENTRY = Metric(
    name=GPU_LOAD,
    title="GPU",
    help="Share of the last moments in which the run's GPU computed, as its driver reports it (NVML), by all "
    "programs; the mean of several GPUs. Absent on the CPU, and where the driver does not tell.",
    order=81,
    scale="fraction",
    format=".0%",
    bounds=(0, 1),
    decimals=3,
    chart="cpu",
    cadence="every few seconds and at the end",
)
