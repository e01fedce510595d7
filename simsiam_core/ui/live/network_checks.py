"""What the worker finds out about the network of a form: whether it can be built, and what it costs.

Other libraries are imported in the worker alone, never in the page's process.
"""

from __future__ import annotations

import html
from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from simsiam_core.config import Config, ConfigError
from simsiam_core.config.sections.network import NAMED, RESNETS
from simsiam_core.config.sections.objective import ROTATING_METHOD
from simsiam_core.features.worker import InspectionWorker, Task, WorkError
from simsiam_core.ui.components.form import Problems

if TYPE_CHECKING:
    from simsiam_core.model.cost import Cost

FIRST_NAMES = (*RESNETS, *NAMED)
KEPT = 500  # networks whose answers are remembered


class NetworkAnswers:
    """Answers of the worker about networks, kept so that a form need not wait for those it had."""

    def __init__(self, worker: InspectionWorker) -> None:
        self._worker = worker
        self._known: OrderedDict[Any, Cost | WorkError] = OrderedDict()
        self._names: tuple[str, ...] = ()

    def problems(self, config: Config) -> Problems:
        """Return what is known to be wrong with a config's network, by field, without waiting."""
        known = self._known.get(_key(config))
        return {p.path: p.message for p in known.problems} if isinstance(known, WorkError) else {}

    def check(self, config: Config) -> None:
        """Wait for the worker's answer about a config's network; one of ours can always be built.

        Raises ConfigError.
        """
        if config.model.backbone in RESNETS:
            return
        try:
            self.cost(config)
        except WorkError as error:
            if error.problems:
                raise ConfigError(list(error.problems)) from None

    def cost(self, config: Config) -> Cost:
        """Wait for the cost of a config's network. Raises WorkError, with the problems of its fields."""
        key = _key(config)
        if key not in self._known:
            try:
                self._keep(key, self._ask(config).result())
            except WorkError as error:
                if not error.problems:  # the worker's trouble, not the network's
                    raise
                self._keep(key, error)
        known = self._known[key]
        if isinstance(known, WorkError):
            raise known
        return known

    def row(self, config: Config) -> Iterator[str]:
        """Yield HTML: that the network is being built, then its cost; empty if it is refused or unknown."""
        if _key(config) not in self._known:
            yield _row([("Network", "Working out its size …")])
        try:
            yield _row(list(_in_words(config, self.cost(config))))
        except WorkError:
            yield ""

    def names(self) -> tuple[str, ...]:
        """Return the names of all backbones; only the first ones while the worker cannot be asked."""
        if not self._names:
            from simsiam_core.model.backbone import backbone_names  # brings torch

            try:
                self._names = self._worker.submit(backbone_names).result()
            except WorkError:
                return FIRST_NAMES
        return self._names

    def _ask(self, config: Config) -> Task[Cost]:
        from simsiam_core.model.cost import network_cost  # brings torch

        return self._worker.submit(network_cost, config.model_dump())

    def _keep(self, key: Any, answer: Cost | WorkError) -> None:
        self._known[key] = answer
        if len(self._known) > KEPT:
            self._known.popitem(last=False)


def _key(config: Config) -> Any:
    """Return all that the answer depends on."""
    model, rotates = config.model, config.objective.method == ROTATING_METHOD
    crop = config.objective.rotation_crop if rotates else None
    return model.backbone, model.stem, model.width, config.data.image_size, crop


def _in_words(config: Config, cost: Cost) -> Iterator[tuple[str, str]]:
    """Yield terms and texts; the representation of a ResNet stands with the form's own figures."""
    if config.model.backbone not in RESNETS:
        yield "Representation", f"{cost.feature_dim:,} numbers an image, from {config.model.backbone}"
    size = config.data.image_size
    parameters = f"{cost.parameters / 1e6:.{1 if cost.parameters >= 1e6 else 2}f} M parameters"
    yield "Network", f"{parameters} without the heads, {cost.macs / 1e9:.3g} GMAC an image of {size} px"


def _row(rows: list[tuple[str, str]]) -> str:
    cells = "".join(f"<dt>{html.escape(term)}</dt><dd>{html.escape(text)}</dd>" for term, text in rows)
    return f'<dl class="summary">{cells}</dl>'
