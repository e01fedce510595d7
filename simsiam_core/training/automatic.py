"""Settings left empty that follow from the images: decided once, when a run begins, and written into its config."""

from __future__ import annotations

from simsiam_core.config import Config
from simsiam_core.data import Dataset
from simsiam_core.features.knn import chosen_k
from simsiam_core.runs import RunDirectory


def resolved(run: RunDirectory, config: Config, dataset: Dataset) -> Config:
    """Return the config with k decided, and write it into the run, so that no resumption decides it again."""
    if config.knn.k is not None or dataset.train.labels is None:
        return config
    k = chosen_k(dataset.train.labels)
    config = config.model_copy(update={"knn": config.knn.model_copy(update={"k": k})})
    run.write_config(config)
    print(f"kNN: k is {k}, by the size of the classes, since knn.k is empty.")
    return config
