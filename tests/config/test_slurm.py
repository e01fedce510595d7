"""Settings of SLURM, and the profiles that a user keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from simsiam_core.config import ConfigError
from simsiam_core.config.executors.slurm import SlurmConfig, parse_slurm
from simsiam_core.config.profiles import profile, profiles, save_profile, usual_profile


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config" / "profiles.yaml"
    monkeypatch.setenv("SIMSIAM_PROFILES", str(path))
    return path


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"partition": "gpu\n#SBATCH --wrap=x"}, "without spaces or quotes"),
        ({"memory": "16 GB"}, "such as 16G"),
        ({"time_limit": "12h"}, "such as 12:00:00"),
        ({"nodes": 0}, "Nodes is 0; it must be greater than or equal to 1"),
        ({"constraint": "a100 b"}, "joined by & or |"),
        ({"extra_lines": "exclude=node7"}, "a long option of sbatch"),
        (
            {"extra_lines": "#SBATCH --signal=USR1@5"},
            "--signal, which cannot be changed: it is the field Warning",
        ),
        ({"setup_lines": "x" * 10_001}, "at most 10,000 characters"),
        ({"gpu": 1}, "There is no SLURM setting gpu"),
    ],
)
def test_each_field_is_refused_in_a_sentence(values: dict, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_slurm(values)
    (problem,) = caught.value.problems
    assert sentence in problem.message
    assert problem.path == f"slurm.{next(iter(values))}"


def test_every_form_of_a_time_limit_that_sbatch_takes_is_accepted() -> None:
    for text in ("30", "30:00", "12:00:00", "2-00", "2-00:00", "2-00:00:00"):
        assert parse_slurm({"time_limit": text}).time_limit == text


def test_a_profile_is_saved_and_read_back_as_it_was(path: Path) -> None:
    assert profiles() == {}
    assert usual_profile() == SlurmConfig()
    setup = "module load cuda\nconda activate ssl"
    lines = "#SBATCH --exclude=node7\n--licenses=x"
    wanted = parse_slurm(
        {"partition": "2024", "gpus": 2, "time_limit": "12:00:00", "setup_lines": setup, "extra_lines": lines}
    )
    save_profile(" gpu ", wanted)
    save_profile("small", SlurmConfig(cpus=2))
    assert profile("gpu") == wanted == usual_profile()
    assert wanted.extra_lines == "--exclude=node7\n--licenses=x"
    assert list(profiles()) == ["gpu", "small"]
    assert "cpus: 2" in path.read_text()
    assert "nodes" not in path.read_text(), "only what differs from the defaults"


def test_a_profile_written_by_hand_needs_no_quotes_and_mistakes_are_named(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("long:\n  partition: 1e3\n  time_limit: 2-00:00:00\n")
    assert profile("long").partition == "1e3"
    with pytest.raises(ConfigError, match=r"There is no profile 'short' in .*: long"):
        profile("short")
    path.write_text("long:\n  time_limit: never\n")
    with pytest.raises(ConfigError, match=r"profiles.yaml: profile long: Time limit is 'never'"):
        profiles()
    path.write_text("- long\n")
    with pytest.raises(ConfigError, match="must hold profiles"):
        profiles()


def test_a_name_that_could_not_be_read_again_is_refused() -> None:
    with pytest.raises(ConfigError, match="at most 40 letters"):
        save_profile("a: b", SlurmConfig())
