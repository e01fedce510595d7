"""Configuration schema: the form, the flags, the YAML, the validation and the messages derive from it."""

from simsiam_core.config.fields import FieldSpec, field_spec, fields, find_field, typed
from simsiam_core.config.files import PRESETS_DIR, Preset, dump_yaml, merge, preset, presets, read_yaml
from simsiam_core.config.problems import ConfigError, Problem, allowed, parse
from simsiam_core.config.schema import Config
from simsiam_core.config.sections.augmentation import AugmentationConfig
from simsiam_core.config.sections.data import DataConfig
from simsiam_core.config.sections.network import ModelConfig
from simsiam_core.config.sections.objective import ObjectiveConfig
from simsiam_core.config.sections.training import CheckpointConfig, KnnConfig, OptimiserConfig, TrainingConfig
from simsiam_core.config.sweep import Sweep, expand, read_sweeps

__all__ = [
    "PRESETS_DIR",
    "AugmentationConfig",
    "CheckpointConfig",
    "Config",
    "ConfigError",
    "DataConfig",
    "FieldSpec",
    "KnnConfig",
    "ModelConfig",
    "ObjectiveConfig",
    "OptimiserConfig",
    "Preset",
    "Problem",
    "Sweep",
    "TrainingConfig",
    "allowed",
    "dump_yaml",
    "expand",
    "field_spec",
    "fields",
    "find_field",
    "merge",
    "parse",
    "preset",
    "presets",
    "read_sweeps",
    "read_yaml",
    "typed",
]
