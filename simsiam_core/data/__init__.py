"""Data loading: image sources, decoding and caching, and augmentation.

Names are imported lazily from their modules: most import torch, which listing the data sources does not need.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simsiam_core.lazy import lazy_names

if TYPE_CHECKING:
    from simsiam_core.config.cache import cache_dir as cache_dir
    from simsiam_core.data.augmentation import Augmentation as Augmentation
    from simsiam_core.data.augmentation import normalise as normalise
    from simsiam_core.data.cache import Progress as Progress
    from simsiam_core.data.fit import check_fit as check_fit
    from simsiam_core.data.image_file import ImageError as ImageError
    from simsiam_core.data.image_file import read_image as read_image
    from simsiam_core.data.image_set import Dataset as Dataset
    from simsiam_core.data.image_set import ImageSet as ImageSet
    from simsiam_core.data.image_set import Triple as Triple
    from simsiam_core.data.loading import count_train as count_train
    from simsiam_core.data.loading import load as load
    from simsiam_core.data.view_parameters import Parameters as Parameters

__getattr__ = lazy_names(
    __name__,
    {
        "Augmentation": "simsiam_core.data.augmentation",
        "Dataset": "simsiam_core.data.image_set",
        "ImageSet": "simsiam_core.data.image_set",
        "Parameters": "simsiam_core.data.view_parameters",
        "ImageError": "simsiam_core.data.image_file",
        "Progress": "simsiam_core.data.cache",
        "Triple": "simsiam_core.data.image_set",
        "cache_dir": "simsiam_core.config.cache",
        "check_fit": "simsiam_core.data.fit",
        "count_train": "simsiam_core.data.loading",
        "load": "simsiam_core.data.loading",
        "normalise": "simsiam_core.data.augmentation",
        "read_image": "simsiam_core.data.image_file",
    },
)
