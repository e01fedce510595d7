"""Data loading: image sources, decoding and caching, and augmentation.

Names are imported lazily from their modules: most import torch, which listing the data sources does not need.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

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

_MODULES = {
    "Augmentation": "data.augmentation",
    "Dataset": "data.image_set",
    "ImageSet": "data.image_set",
    "Parameters": "data.view_parameters",
    "ImageError": "data.image_file",
    "Progress": "data.cache",
    "Triple": "data.image_set",
    "cache_dir": "config.cache",
    "check_fit": "data.fit",
    "count_train": "data.loading",
    "load": "data.loading",
    "normalise": "data.augmentation",
    "read_image": "data.image_file",
}


def __getattr__(name: str) -> Any:
    """Import a name of this package from its module on first access."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"simsiam_core.{_MODULES[name]}"), name)
