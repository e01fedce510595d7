"""Where to run: this machine, or SLURM with saved profiles and a look at the batch script."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from simsiam_core.config import Config, ConfigError, FieldSpec, field_spec
from simsiam_core.config.executors.slurm import SlurmConfig, parse_slurm
from simsiam_core.config.profiles import profile, profiles, save_profile
from simsiam_core.jobs.executor import EXECUTORS
from simsiam_core.jobs.kinds import kind_of
from simsiam_core.runs import RunDirectory, RunError
from simsiam_core.runs.placement import LOCAL, Placement
from simsiam_core.ui.context import LATEST, QUIET, Context
from simsiam_core.ui.text import problem

SLURM = "slurm"
NO_PROFILE = "no profile"
Problems = dict[str, str]


class WherePanel:
    """The choice and its fields, in one column. `inputs` are to be given to `read`, in their order."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reason = EXECUTORS.get(SLURM).unavailable()
        self._specs = [field_spec(name, "SLURM", info) for name, info in SlurmConfig.model_fields.items()]
        on_slurm = context.executor == SLURM
        choices = [(EXECUTORS.get(name).title, name) for name in EXECUTORS.names]
        if on_slurm:  # a login node: nothing is trained there
            choices = [choice for choice in choices if choice[1] != LOCAL]
        self.executor = gr.Radio(
            choices,
            value=context.executor,
            label="Where to run",
            info=self._reason,
            interactive=not self._reason and len(choices) > 1,
            elem_id="where-executor",
        )
        with gr.Column(visible=on_slurm, elem_id="where-slurm") as self._column:
            names, trouble = _profile_names()
            first = names[1] if on_slurm and len(names) > 1 else NO_PROFILE
            settings = _settings_of(first)
            self.profile = gr.Dropdown(
                names, value=first, label="Profile", filterable=False, elem_id="where-profile"
            )
            self._controls = [
                _control(spec, settings[spec.name]) for spec in self._specs if not spec.advanced
            ]
            with gr.Accordion("More: limits, extra lines, set-up lines", open=False, elem_id="where-more"):
                self._controls += [
                    _control(spec, settings[spec.name]) for spec in self._specs if spec.advanced
                ]
            with gr.Row(elem_classes="form-grid"):
                self._name = gr.Textbox(
                    label="Save as profile", placeholder="name", max_lines=1, elem_id="where-name"
                )
                self._save = gr.Button("Save profile", size="sm", elem_id="where-save")
            self._show = gr.Button("Show script", size="sm", elem_id="where-show")
            self._script = gr.Code(
                language="shell", label="job.sbatch", visible=False, interactive=False, elem_id="where-script"
            )
            self.message = gr.HTML(
                problem(trouble) if trouble else "", elem_id="where-message", padding=False
            )
        # the order of the controls on the page: common ones first
        self._specs.sort(key=lambda spec: spec.advanced)
        self.inputs = [self.executor, self.profile, *self._controls]
        self.outputs = [self.message, *self._controls]

    def read(self, values: Sequence[Any]) -> Placement:
        """Return where to run, from the values of `inputs`. Raises ConfigError at `slurm.<field>`."""
        executor, name, *given = values
        if executor == LOCAL and self._context.executor == LOCAL:
            return Placement()
        if executor != SLURM or self._reason:
            raise ConfigError.at("slurm", self._reason or f"There is no executor {executor!r}.")
        settings = parse_slurm(
            {spec.name: _typed(spec, value) for spec, value in zip(self._specs, given, strict=True)}
        )
        saved = "" if name == NO_PROFILE else str(name or "")
        return Placement(executor=SLURM, profile=saved, settings=settings.model_dump())

    def check(self, placement: Placement, config: Config) -> None:
        """Ask whether a run would be accepted there. Raises ConfigError at `slurm`."""
        try:
            draft, command, processes = self._draft(config)
            EXECUTORS.get(placement.executor).check(draft, command, processes, placement)
        except RunError as error:
            raise ConfigError.at("slurm", str(error)) from None

    def problems(self, error: ConfigError) -> Problems:
        """Return the problems of an error that belong to this panel."""
        return {each.path: each.message for each in error.problems if each.path.startswith("slurm")}

    def marks(self, problems: Mapping[str, str]) -> list[Any]:
        """Return updates for `outputs` that show problems, or that there are none."""
        text = problem(" ".join(problems.values())) if problems else ""
        fields = [
            gr.update(
                info=problems.get(f"slurm.{spec.name}") or spec.description,
                elem_classes=["field", "has-problem"] if f"slurm.{spec.name}" in problems else ["field"],
            )
            for spec in self._specs
        ]
        return [text, *fields]

    def wire(self, config_of: Callable[[Mapping[str, Any]], Config], form: gr.JSON) -> None:
        """Connect the panel's own controls. `config_of` makes a config of the value of `form`."""
        hidden = gr.update(visible=False)
        self.executor.input(
            lambda executor: gr.update(visible=executor == SLURM), self.executor, self._column, **LATEST
        )
        self.profile.input(self._fill, self.profile, [*self.outputs, self._script], **LATEST)

        def show(settings: Mapping[str, Any], *given: Any) -> list[Any]:
            try:
                placement = self.read(given)
                draft, command, processes = self._draft(config_of(settings))
                text = EXECUTORS.get(SLURM).preview(draft, command, processes, placement)
            except (ConfigError, RunError) as error:
                found = self.problems(error) if isinstance(error, ConfigError) else {}
                return [*self.marks(found or {"slurm": str(error)}), hidden]
            return [*self.marks({}), gr.update(value=text, visible=True)]

        def save(name: Any, *given: Any) -> list[Any]:
            try:
                placement = self.read(given)
                save_profile(str(name or ""), parse_slurm(placement.settings))
            except ConfigError as error:
                return [gr.skip(), *self.marks(self.problems(error) or {"slurm": str(error)})]
            return [gr.update(choices=_profile_names()[0], value=str(name).strip()), *self.marks({})]

        self._show.click(show, [form, *self.inputs], [*self.outputs, self._script], **QUIET)
        self._save.click(save, [self._name, *self.inputs], [self.profile, *self.outputs], **QUIET)

    def _fill(self, name: Any) -> list[Any]:
        try:
            values = _settings_of(str(name))
        except ConfigError as error:
            return [*self.marks({"slurm": str(error)}), gr.update(visible=False)]
        text, *looks = self.marks({})
        filled = [{**look, "value": values[spec.name]} for spec, look in zip(self._specs, looks, strict=True)]
        return [text, *filled, gr.update(visible=False)]

    def _draft(self, config: Config) -> tuple[Path, tuple[str, ...], int]:
        """Return the folder, command and number of processes of a run that does not exist yet."""
        run = RunDirectory(self._context.store.path / "RUN")
        return run.path, kind_of(run).command(run), config.training.devices


def _profile_names() -> tuple[list[str], str]:
    """Return the names to choose from, and what is wrong with the file."""
    try:
        return [NO_PROFILE, *profiles()], ""
    except ConfigError as error:
        return [NO_PROFILE], str(error)


def _settings_of(name: str) -> dict[str, Any]:
    return (SlurmConfig() if name == NO_PROFILE else profile(name)).model_dump()


def _control(spec: FieldSpec, value: Any) -> Any:
    common: dict[str, Any] = {
        "label": f"{spec.title} ({spec.unit})" if spec.unit else spec.title,
        "info": spec.description,
        "value": value,
        "elem_id": f"field-slurm-{spec.name.replace('_', '-')}",
        "elem_classes": ["field"],
    }
    if spec.kind == "int":
        return gr.Number(step=1, **common)
    lines = {"lines": 2, "max_lines": 8} if spec.name.endswith("_lines") else {"max_lines": 1}
    return gr.Textbox(**lines, **common)


def _typed(spec: FieldSpec, value: Any) -> Any:
    if spec.kind == "int":
        return int(value) if isinstance(value, float) and value.is_integer() else value
    return "" if value is None else str(value).strip()
