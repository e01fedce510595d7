"""SimSiam representation learning: launch, track and inspect runs.

From Python: `run = simsiam_core.open_run(path)`, then `run.embed(images)`, `run.neighbours("a.jpg")` and
`run.predict(images)`. Names are imported from their modules when they are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsiam_core.lazy import lazy_names

if TYPE_CHECKING:
    from simsiam_core.api import Prediction as Prediction
    from simsiam_core.api import Run as Run
    from simsiam_core.api import bundled as bundled
    from simsiam_core.api import open_run as open_run
    from simsiam_core.config import ConfigError as ConfigError
    from simsiam_core.data import ImageError as ImageError
    from simsiam_core.features.retrieval import Neighbour as Neighbour
    from simsiam_core.model import CheckpointError as CheckpointError
    from simsiam_core.runs import RunError as RunError

__version__ = "0.2.0"  # read by the package build, --version and tests

NAMES = {
    "CheckpointError": "simsiam_core.model",
    "ConfigError": "simsiam_core.config",
    "ImageError": "simsiam_core.data",
    "Neighbour": "simsiam_core.features.retrieval",
    "Prediction": "simsiam_core.api",
    "Run": "simsiam_core.api",
    "RunError": "simsiam_core.runs",
    "bundled": "simsiam_core.api",
    "open_run": "simsiam_core.api",
}
__getattr__ = lazy_names(__name__, NAMES)


def __dir__() -> list[str]:
    """Return the names offered, for completion."""
    return [*globals(), *NAMES]
