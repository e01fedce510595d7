"""What a preset chose for a run's images and machine, and why: `choices.json` in the run directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from simsiam_core.config import Config, find_field
from simsiam_core.runs.files import write_text
from simsiam_core.runs.json_files import DamagedFileError, first_problem, read_json


class Choice(BaseModel):
    """One setting that was chosen: its path in the config, its value, and the reason as a clause."""

    model_config = ConfigDict(frozen=True)

    path: str
    value: Any
    reason: str

    @property
    def sentence(self) -> str:
        """Return `Smallest crop 0.5: few images; …`."""
        spec = find_field(self.path)
        title = spec.title if spec else self.path
        value = self.value
        if isinstance(value, bool):
            value = "on" if value else "off"
        elif value in ("", None):
            value = "none"
        unit = f" {spec.unit}" if spec and spec.unit in ("px", "°") else ""
        return f"{title} {value}{unit}: {self.reason}."


class Choices(BaseModel):
    """All choices of a preset, and sentences about what it saw of the images and the machine."""

    model_config = ConfigDict(frozen=True)

    preset: str
    seen: tuple[str, ...] = ()
    chosen: tuple[Choice, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """What was seen, then what was chosen and why, one sentence each."""
        return (*self.seen, *(choice.sentence for choice in self.chosen))

    def still_so(self, config: Config) -> Choices:
        """Return the choices that a config has kept, without those that somebody changed."""
        values = config.model_dump()
        kept = [c for c in self.chosen if _at(values, c.path) == c.value]
        return self.model_copy(update={"chosen": tuple(kept)})


def _at(values: dict[str, Any], path: str) -> Any:
    section, _, name = path.rpartition(".")
    return values[section][name]


def read_choices(path: Path) -> Choices | None:
    """Return the choices in a file; None if there is none, as in runs of other presets. Raises DamagedFileError."""
    if not path.exists():
        return None
    try:
        return Choices.model_validate(read_json(path))
    except ValidationError as error:
        raise DamagedFileError(first_problem(path.name, error)) from None


def write_choices(path: Path, choices: Choices) -> None:
    """Replace the file of choices atomically."""
    write_text(path, choices.model_dump_json(indent=1) + "\n")
