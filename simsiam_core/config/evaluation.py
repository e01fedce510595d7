"""Settings of an evaluation, with the same titles, bounds and messages as a run's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from simsiam_core.config.problems import ConfigError, Problem
from simsiam_core.config.section import Section, setting
from simsiam_core.registry import Registry, names_in

KINDS = names_in("evaluation.kinds")  # names only: these modules depend on the schema


class EvaluationSettings(Section):
    """Settings of every evaluation. Those with more settings have a subclass in config/evaluations/<kind>.py."""

    kind: str
    checkpoint: str = setting("last", "Checkpoint", "'last' or 'epoch=0010'.")


_MODELS: Registry[type] = Registry("config.evaluations", type, "settings of an evaluation")


def settings_model(kind: str) -> type[EvaluationSettings]:
    """Return the model class of an evaluation's settings."""
    model = _MODELS.get(kind) if kind in _MODELS.names else EvaluationSettings
    assert issubclass(model, EvaluationSettings), (
        f"config/evaluations/{kind}.py must define EvaluationSettings"
    )
    return model


def parse_evaluation(values: Mapping[str, Any]) -> EvaluationSettings:
    """Validate settings; `kind` selects the model. Raises ConfigError, one sentence per setting."""
    kind = values.get("kind")
    if kind not in KINDS:
        raise ConfigError.at("kind", f"There is no evaluation {kind!r}; choose one of {', '.join(KINDS)}.")
    model = settings_model(kind)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise ConfigError([_in_words(model, dict(e)) for e in error.errors()]) from None


def _in_words(model: type[Section], error: dict[str, Any]) -> Problem:
    path = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden" or path not in model.model_fields:
        return Problem(path, f"Unknown setting {path}; known here: {', '.join(model.model_fields)}.")
    wanted = str(error["msg"]).removeprefix("Input should be ")
    return Problem(path, f"{model.model_fields[path].title} is {error['input']!r}; it must be {wanted}.")
