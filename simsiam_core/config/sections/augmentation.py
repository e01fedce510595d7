"""Settings of the random augmentation of every view."""

from __future__ import annotations

from pydantic import model_validator

from simsiam_core.config.section import Section, setting


class AugmentationConfig(Section, title="Augmentation"):
    crop_scale_min: float = setting(
        0.2, "Smallest crop", "Random-resized-crop: least share of the image's area.", gt=0, le=1
    )
    crop_scale_max: float = setting(
        1.0, "Largest crop", "Random-resized-crop: greatest share of the image's area.", gt=0, le=1
    )
    flip_probability: float = setting(0.5, "Flip probability", "Chance of a horizontal flip.", ge=0, le=1)
    jitter_probability: float = setting(
        0.8, "Jitter probability", "Chance that a view's colours are jittered.", ge=0, le=1
    )
    brightness: float = setting(
        0.4, "Brightness jitter", "Factor drawn from 1 ± this.", ge=0, le=1, advanced=True
    )
    contrast: float = setting(
        0.4, "Contrast jitter", "Factor drawn from 1 ± this.", ge=0, le=1, advanced=True
    )
    saturation: float = setting(
        0.4, "Saturation jitter", "Factor drawn from 1 ± this.", ge=0, le=1, advanced=True
    )
    hue: float = setting(
        0.1, "Hue jitter", "Shift drawn from ± this share of the colour circle.", ge=0, le=0.5, advanced=True
    )
    grey_probability: float = setting(
        0.2, "Grey probability", "Chance that a view loses its colours.", ge=0, le=1
    )
    blur_probability: float = setting(
        0.0, "Blur probability", "Chance of a Gaussian blur. The CIFAR recipe uses none.", ge=0, le=1
    )
    vertical_flip_probability: float = setting(
        0.0,
        "Vertical flip probability",
        "Chance that a view is turned upside down: for images without an up, such as those from microscopes.",
        ge=0,
        le=1,
        advanced=True,
    )
    rotation_degrees: float = setting(
        0.0,
        "Rotation",
        "Angle drawn from ± this; corners that it uncovers take the mean colour.",
        unit="°",
        ge=0,
        le=180,
        advanced=True,
    )
    solarise_probability: float = setting(
        0.0,
        "Solarise probability",
        "Chance that pixels above middle grey are inverted.",
        ge=0,
        le=1,
        advanced=True,
    )
    erase_probability: float = setting(
        0.0,
        "Erase probability",
        "Chance that a rectangle of 2 to 33 % of the view is filled with the mean colour.",
        ge=0,
        le=1,
        advanced=True,
    )
    jitter_grey_scale: bool = setting(
        True,
        "Jitter grey-scale images",
        "Off: where no image of the data set has colours, views are not jittered in brightness and contrast either.",
        advanced=True,
    )
    blur_sigma_min: float = setting(
        0.1, "Weakest blur", "Smallest standard deviation.", unit="px", gt=0, le=10, advanced=True
    )
    blur_sigma_max: float = setting(
        2.0, "Strongest blur", "Largest standard deviation.", unit="px", gt=0, le=10, advanced=True
    )

    @model_validator(mode="after")
    def _ranges_are_ordered(self) -> AugmentationConfig:
        for low, high in (("crop_scale_min", "crop_scale_max"), ("blur_sigma_min", "blur_sigma_max")):
            if getattr(self, low) > getattr(self, high):
                title = type(self).model_fields[low].title
                raise ValueError(
                    f"augmentation.{low}: {title} is {getattr(self, low):g}; "
                    f"it must not exceed {type(self).model_fields[high].title}, {getattr(self, high):g}."
                )
        return self
