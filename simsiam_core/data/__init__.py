"""Images: where they come from, how they are kept, and how two views of one are made."""

from simsiam_core.config.cache import cache_dir
from simsiam_core.data.augmentation import Augmentation, normalise
from simsiam_core.data.cache import Progress
from simsiam_core.data.fit import check_fit
from simsiam_core.data.image_file import ImageError, read_image
from simsiam_core.data.image_set import Dataset, ImageSet, Triple
from simsiam_core.data.sources import count_train, load
from simsiam_core.data.view_parameters import Parameters

__all__ = [
    "Augmentation",
    "Dataset",
    "ImageError",
    "ImageSet",
    "Parameters",
    "Progress",
    "Triple",
    "cache_dir",
    "check_fit",
    "count_train",
    "load",
    "normalise",
    "read_image",
]
