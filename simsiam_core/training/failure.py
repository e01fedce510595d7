"""Why training cannot go on."""

from __future__ import annotations


class TrainingFailure(RuntimeError):
    """Training cannot go on; the message is one sentence for the user."""
