"""What a config means, in numbers and words that follow the form."""

from __future__ import annotations

import html

from simsiam_core.config import Config, find_field
from simsiam_core.config.unused import ignored_sentence, is_used
from simsiam_core.model.dimensions import feature_dim
from simsiam_core.training.methods import METHODS

_STEMS = {
    "cifar": "3×3, stride 1, no pooling: full resolution, right for 32 px",
    "cifar-padded": "3×3, stride 1, padding 2: as in solo-learn's networks for CIFAR",
    "cifar-linear": "3×3, stride 1, without ReLU: as in lightly's examples",
    "stride2": "3×3, stride 2: a quarter of the work, a little less detail",
    "imagenet": "7×7, stride 2, max-pool: for 96 px and more; at 32 px it costs about ten points",
}


def summary(config: Config, images: int | None) -> str:
    """The derived values of a config as an HTML definition list; `images` to train on, if they are known."""
    batch, epochs = config.training.batch_size, config.training.epochs
    rows = [("Learning rate", f"{config.lr:.4g} = {config.optimiser.base_lr:g} × {batch:,} / 256")]
    if images:
        steps = images // batch
        rows.append(("Steps", f"{steps:,} an epoch, {steps * epochs:,} in all ({images:,} training images)"))
    model, method = config.model, METHODS.get(config.objective.method)
    rows.append(("Method", f"{method.title}: {method.help}"))
    if (numbers := feature_dim(model)) is not None:
        rows.append(
            ("Representation", f"{numbers:,} numbers an image, from {model.backbone} at width {model.width}")
        )
        rows.append(("Stem", _STEMS[model.stem]))
    else:
        rows.append(("Stem, width", f"not used: {model.backbone} has its own"))
    for on, part in (("model.stop_gradient", "stop-gradient"), ("model.predictor", "a predictor")):
        spec = find_field(on)
        if spec and is_used(spec, config.objective.method) and not getattr(model, spec.name):
            rows.append(("Ablation", f"Without {part} the network is expected to collapse."))
    if ignored := ignored_sentence(config):
        rows.append(("Ignored", ignored))
    cells = "".join(f"<dt>{html.escape(term)}</dt><dd>{html.escape(text)}</dd>" for term, text in rows)
    return f'<dl class="summary">{cells}</dl>'
