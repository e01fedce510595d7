"""Published figures on CIFAR-10, for comparison with ours. None of them was measured here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """Published accuracies in percent, as the source states them; None if it states none."""

    source: str
    epochs: str
    batch: str
    knn: str | None
    linear: str | None
    note: str = ""


CIFAR10 = (
    Published(
        "SimSiam paper (Chen & He, 2020, appendix D)", "800", "512", "≈90", "91.8", "kNN read off a plot"
    ),
    Published("Starting project", "180", "–", "81", None),
    Published("Starting project", "800", "512", "88.7", "90.57"),
    Published("lightly benchmark, 2023", "200", "128", "81.9", None, "max over epochs"),
    Published("lightly benchmark, 2023", "200", "512", "76.4", None, "max over epochs"),
    Published("lightly benchmark, 2023", "800", "512", "90.4", None, "max over epochs"),
    Published("lightly FastSiam, 4 views", "200", "128", "90.6", None, "max over epochs"),
    Published("lightly FastSiam, 4 views", "800", "512", "90.2", None, "max over epochs"),
    Published("PatrickHua/SimSiam", "800", "512", "90.3", "90.83"),
    Published("Reza-Safdari", "800", "512", "≈87", "91.94", "kNN with k = 1"),
    Published("jeffwiroj/ssl_cifar", "800", "512", "90.59", "91.6"),
    Published("solo-learn", "1000", "256", None, "90.51"),
)
