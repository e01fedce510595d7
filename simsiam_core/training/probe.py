"""Online linear probe: a classifier that is trained beside the network, on features without gradient."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

RATE = 3e-3  # of Adam, constant; features are scaled to a mean square of 1, so that it suits every backbone


class OnlineProbe:
    """Linear classifier of `classes` with an optimiser of its own.

    It starts at zero and draws no random numbers, so that a run is the same with and without it.
    """

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self._linear: nn.Linear | None = None  # made at the first features, whose width and device it takes
        self._optimiser: torch.optim.Adam | None = None
        self._loaded: dict[str, Any] | None = None

    @property
    def trained(self) -> bool:
        """Whether it has seen any features, in this process or before a resume."""
        return self._linear is not None or self._loaded is not None

    def train_on(self, features: Tensor, labels: Tensor) -> None:
        """Make one step of cross-entropy on features `[B, D]` with labels `[B]`."""
        linear, optimiser = self._made(features)
        with torch.enable_grad():
            loss = F.cross_entropy(linear(_scaled(features.detach())), labels)
            optimiser.zero_grad()
            loss.backward()
        optimiser.step()

    @torch.no_grad()
    def accuracy(self, features: Tensor, labels: Tensor) -> float:
        """Return the share of features `[N, D]` whose class is told."""
        linear, _ = self._made(features)
        return float((linear(_scaled(features)).argmax(1) == labels).double().mean())

    def state(self) -> dict[str, Any]:
        """Return what a resumed run needs, in plain types and tensors; empty before the first step."""
        if self._linear is None or self._optimiser is None:
            return self._loaded or {}
        return {"linear": self._linear.state_dict(), "optimiser": self._optimiser.state_dict()}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state; one of other classes, as before a fork with new images, is passed over."""
        if state and state["linear"]["bias"].shape == (self._classes,):
            self._loaded, self._linear, self._optimiser = state, None, None

    def _made(self, features: Tensor) -> tuple[nn.Linear, torch.optim.Adam]:
        if self._linear is None or self._optimiser is None:
            # On the meta device nothing is drawn from the global generator.
            linear = nn.Linear(features.shape[1], self._classes, device="meta").to_empty(
                device=features.device
            )
            for parameter in linear.parameters():
                nn.init.zeros_(parameter)
            optimiser = torch.optim.Adam(linear.parameters(), lr=RATE)
            if self._loaded is not None:
                linear.load_state_dict(self._loaded["linear"])
                optimiser.load_state_dict(self._loaded["optimiser"])
            self._linear, self._optimiser, self._loaded = linear, optimiser, None
        return self._linear, self._optimiser


def _scaled(features: Tensor) -> Tensor:
    """Scale each row of `[B, D]` to a mean square of 1, in fp32."""
    return F.normalize(features.float(), dim=1) * features.shape[1] ** 0.5
