"""The recipe from random weights, which holds on small folders: SimCLR on a small network, crops of half the image."""

from __future__ import annotations

from simsiam_core.data.survey import Survey
from simsiam_core.training.adapt.draft import Draft

FEW, MANY = 5_000, 50_000  # images
SMALL_SIDE, CPU_SIDE, GPU_SIDE = 16, 32, 96  # px
LOW, LARGE = 40, 64  # px: up to LOW a network without an early reduction, from LARGE one with pooling
ALIKE = 0.3  # from which images show the same thing in the same place
LEAST_EPOCHS, MOST_EPOCHS = 3, 300
RATE = 0.2  # learning rate at a batch of 64


def choose(draft: Draft, seen: Survey, gpu: bool) -> None:
    """Choose everything but the length of training, which depends on the speed of the rest."""
    _network(draft, seen, gpu)
    _objective(draft, seen, gpu)
    _augmentation(draft, seen)


def _network(draft: Draft, seen: Survey, gpu: bool) -> None:
    most = GPU_SIDE if gpu else CPU_SIDE
    side = max(SMALL_SIDE, min(most, -(-seen.side // 8) * 8))
    own = f"half of the images have a shorter side of at least {seen.side} px"
    why = f"{own}, and more would be too slow for a CPU" if seen.side > most and not gpu else own
    draft.choose("data.image_size", side, why)
    draft.choose("model.weights", "", "no pretrained weights are installed, or random ones were asked for")
    if not gpu:
        small = {"model.backbone": "resnet10", "model.stem": "stride2", "model.width": 16}
        draft.choose_all(small, "a network that a CPU takes through the images often enough")
        return
    size = draft.value("data.image_size")
    stem = "cifar" if size <= LOW else "stride2" if size <= LARGE else "imagenet"
    draft.choose_all({"model.backbone": "resnet18", "model.width": 64}, "a GPU trains it in little time")
    draft.choose("model.stem", stem, f"for images of {size} px")


def _objective(draft: Draft, seen: Survey, gpu: bool) -> None:
    draft.choose("objective.method", "simclr", "it also pushes images apart, so it cannot collapse")
    draft.choose("objective.contrast_temperature", 0.2, "the value of MoCo v2")
    heads = {"model.projector_dim": 256, "model.projection_dim": 64}
    draft.choose_all(heads, "heads in proportion to a small network")
    largest = 256 if gpu and seen.images >= FEW else 64
    batch = max(2, min(largest, seen.images // 2))
    why = "many steps an epoch matter more than large batches here"
    if largest > batch:
        why = "half of the images, so that an epoch has two steps"
    draft.choose("training.batch_size", batch, why)
    rate = "a usual rate for a small network"
    draft.choose("optimiser.base_lr", round(RATE * 256 / draft.value("training.batch_size"), 4), rate)
    draft.choose("optimiser.weight_decay", 0.0005, "the published recipes' value")


def _augmentation(draft: Draft, seen: Survey) -> None:
    count = f"{seen.images:,} images"
    if seen.alike >= ALIKE:
        why = (
            f"the images have much the same layout (correlation {seen.alike:.2f}), so small crops say little"
        )
        draft.choose("augmentation.crop_scale_min", 0.6, why)
        flip = "alike and without colour, as writing or scans are, where a mirror image may be another class"
        if seen.grey:
            draft.choose("augmentation.flip_probability", 0.0, flip)
    elif seen.images < FEW:
        draft.choose(
            "augmentation.crop_scale_min", 0.5, f"{count} are few: smaller crops are too hard a task"
        )
    elif seen.images < MANY:
        draft.choose("augmentation.crop_scale_min", 0.3, f"{count} are more than a few")
    else:
        draft.choose("augmentation.crop_scale_min", 0.2, f"{count} are as many as the published recipes have")
    if seen.grey:
        colours = {
            "augmentation.saturation": 0.0,
            "augmentation.hue": 0.0,
            "augmentation.grey_probability": 0.0,
        }
        draft.choose_all(colours, "the images have no colours to vary")
