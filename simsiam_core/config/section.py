"""Base class of all groups of settings: strict, immutable sections with self-describing fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

AS_STORED = "as stored"  # validation context: keep relative paths, as their base folder is unknown


def setting(
    default: Any,
    title: str,
    description: str,
    *,
    unit: str = "",
    advanced: bool = False,
    offered: Mapping[str, Any] | None = None,
    methods: tuple[str, ...] = (),
    **bounds: Any,
) -> Any:
    """Define one setting.

    `unit` is shown after the title; `advanced` settings are collapsed or left out in forms. `offered` maps
    the labels that a form offers to values, if labels and values differ. `methods` are the values of
    `objective.method` under which the setting is used; empty: all of them.
    """
    return Field(
        default,
        title=title,
        description=description,
        json_schema_extra={
            "unit": unit,
            "advanced": advanced,
            "offered": dict(offered or {}),
            "methods": list(methods),
        },
        **bounds,
    )


class Section(BaseModel):
    """Group of settings: immutable, strict about unknown names and about types.

    Only an integer is accepted in place of a float; text is never parsed as a number here (`fields.typed` is
    for text sources, such as flags).
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, validate_default=True, allow_inf_nan=False
    )
