"""Error that ends a training run."""

from __future__ import annotations


class TrainingFailure(RuntimeError):
    """Error after which training cannot continue; the message is one sentence for the user."""
