"""What every group of settings is made of: strict, immutable sections whose fields explain themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

AS_STORED = (
    "as stored"  # in the context of a validation: a relative path stays, for nobody knows to which folder
)


def setting(
    default: Any,
    title: str,
    description: str,
    *,
    unit: str = "",
    advanced: bool = False,
    offered: Mapping[str, Any] | None = None,
    **bounds: Any,
) -> Any:
    """Define one setting.

    `unit` stands behind the title, and `advanced` settings are folded away or left out in forms. `offered` are the
    values that a form offers, by the words it shows for them, where those differ from the values themselves.
    """
    return Field(
        default,
        title=title,
        description=description,
        json_schema_extra={"unit": unit, "advanced": advanced, "offered": dict(offered or {})},
        **bounds,
    )


class Section(BaseModel):
    """A group of hyperparameters: immutable, strict about names it does not know and about types.

    Only a whole number given for a fraction is taken as one; text is never read as a number here (`fields.typed` is
    for sources that are text, such as flags).
    """

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, validate_default=True, allow_inf_nan=False
    )
