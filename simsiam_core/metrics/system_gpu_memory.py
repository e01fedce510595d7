"""Memory in use on the GPUs that a run trains on."""

from simsiam_core.metrics import Metric

GPU_MEMORY = "system/gpu_memory"
ENTRY = Metric(
    name=GPU_MEMORY,
    title="GPU memory",
    help="Memory in use on the run's GPU, by all programs; the most of several GPUs. Absent on the CPU.",
    order=83,
    unit="GiB",
    format=".2f",
    bounds=(0, None),
    decimals=3,
    chart="memory",
    cadence="every few seconds and at the end",
)
