"""Export formats: one module each, found by its name, with an `Exporter` in a constant named ENTRY.

Modules import torch only inside functions: the terminal loads every format at start-up.
"""

from __future__ import annotations

from simsiam_core.evaluation.exporter import Exporter
from simsiam_core.registry import Registry

EXPORTERS: Registry[Exporter] = Registry("evaluation.exporters", Exporter, "format")


def listed() -> dict[str, Exporter]:
    """Return every format by its name, in display order."""
    return dict(sorted(EXPORTERS.all().items(), key=lambda item: (item[1].order, item[0])))
