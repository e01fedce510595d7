"""The recipe from pretrained weights: heads first, then all of the network, slowly and with its own statistics."""

from __future__ import annotations

import torch
from torch.nn import functional as F

from simsiam_core.config import parse
from simsiam_core.config.sections.network import PRETRAINED
from simsiam_core.data import ImageSet
from simsiam_core.data.survey import Survey
from simsiam_core.features.encode import encode
from simsiam_core.model import Encoder
from simsiam_core.model.backbone import build_backbone
from simsiam_core.model.foreign.pretrained import BACKBONE, understand_pretrained, weights_file
from simsiam_core.model.foreign.understanding import Wishes
from simsiam_core.model.memory_format import channels_last
from simsiam_core.training.adapt.baseline import accuracy_of
from simsiam_core.training.adapt.draft import Draft

CPU_SIDE, GPU_SIDE = 128, 224  # px
SMALL, SMALL_SIDE = 48, 96  # px: images up to SMALL gain nothing from being enlarged further than that
LEAST_EPOCHS, MOST_EPOCHS = 2, 4
HEADS_ALONE = 1  # epochs


def at_hand() -> bool:
    """Return whether pretrained weights are installed: nothing is downloaded without being asked for."""
    return weights_file() is not None


def frozen_accuracy(seen: Survey) -> float:
    """Return the leave-one-out kNN accuracy, 0 to 1, that the weights have in the sample as they come.

    Takes some ten seconds on one core. Raises CheckpointError if the installed file cannot be read.
    """
    found = understand_pretrained(Wishes(image_size=SMALL_SIDE))
    config = parse({"model": found.model.model_dump(), "data": {"image_size": SMALL_SIDE}})
    backbone = build_backbone(config.model, SMALL_SIDE)
    backbone.load_state_dict(found.match.weights)
    backbone = channels_last(backbone.eval())
    encoder = Encoder(backbone, config, found.images.mean, found.images.std, (), 0, 0)
    enlarged = F.interpolate(seen.sample.float(), size=SMALL_SIDE, mode="bicubic", antialias=True)
    images = enlarged.round().clamp(0, 255).to(torch.uint8)
    ids = tuple(map(str, range(len(images))))
    return accuracy_of(encode(encoder, ImageSet(images, None, (), ids)), seen)


def choose(draft: Draft, seen: Survey, gpu: bool) -> None:
    """Choose everything but the length of training."""
    draft.choose("model.weights", PRETRAINED, "weights trained on ImageNet are installed")
    draft.choose("model.backbone", BACKBONE, "the network that they are of")
    if gpu:
        draft.choose("data.image_size", GPU_SIDE, "the size that the weights were trained at")
    elif seen.side <= SMALL:
        enlarged = f"images of {seen.side} px, enlarged: these weights see little in smaller ones"
        draft.choose("data.image_size", SMALL_SIDE, enlarged)
    else:
        draft.choose("data.image_size", CPU_SIDE, "as much as a CPU trains on in a few minutes")
    draft.choose(
        "objective.method", "simsiam", "it pushes no images apart, which would part images of one class"
    )
    draft.choose("model.projector_dim", 512, "small heads train soon")
    draft.choose("training.batch_size", max(2, min(64, seen.images // 2)), "many steps in few epochs")
    draft.choose(
        "training.frozen_stages", 99, "all of them: new heads would send large gradients into trained weights"
    )
    draft.choose("training.frozen_epochs", HEADS_ALONE, "long enough for the heads")
    draft.choose(
        "training.frozen_batch_norm", True, "statistics of augmented views would spoil trained weights"
    )
    draft.choose("optimiser.base_lr", 0.2, "low: at four times the rate the weights forgot what they knew")
    draft.choose("optimiser.layer_decay", 0.8, "the first layers of trained networks hardly need to change")
    draft.choose("optimiser.weight_decay", 0.0, "nothing draws trained weights towards zero")
    draft.choose("augmentation.crop_scale_min", 0.5, "views that still show what the image is of")
    if seen.grey:
        draft.choose("augmentation.grey_probability", 0.0, "the images have no colours to lose")
