"""Registry of training methods: one module each, found by its name, with a `Method` in a constant ENTRY.

Modules import torch only inside functions: the terminal and the page name every method at start-up.
"""

from __future__ import annotations

from simsiam_core.config.sections.objective import method_names
from simsiam_core.registry import Registry
from simsiam_core.training.method import Method

METHODS: Registry[Method] = Registry("training.methods", Method, "method")

__all__ = ["METHODS", "Method", "listed", "title_of"]


def listed() -> dict[str, Method]:
    """Return every method by its name, the default first."""
    return {name: METHODS.get(name) for name in method_names()}


def title_of(method: str) -> str:
    """Return the title of a method."""
    return METHODS.get(method).title
