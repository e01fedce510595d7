"""People write settings: YAML by hand, flags, sweeps; and open runs whose settings an earlier version wrote."""

from __future__ import annotations

import random
import string
from pathlib import Path
from typing import Any

import pytest
import yaml

from simsiam_core.cli import build_parser, main
from simsiam_core.config import Config, ConfigError, dump_yaml, expand, parse, read_sweeps, read_yaml
from simsiam_core.runs import RunStore


def read(folder: Path, text: str | bytes) -> Config:
    path = folder / "settings.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return parse(read_yaml(path))


def refused(folder: Path, text: str | bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, text)
    assert all(len(p.message) < 400 and "\n" not in p.message for p in caught.value.problems)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("training: {epochs: yes}", "Epochs is 'yes'"),
        ("training: {epochs: on}", "Epochs is 'on'"),
        ("training: {epochs: true}", "Epochs is True"),
        ("training: {epochs: 1:30}", "Epochs is '1:30'"),
        ("training: {seed: 010}", "without leading zeros, as 10"),
        ("training: {epochs: 1_000}", "write it as 1000"),
        ("training: {epochs: '30'}", "without quotes"),
        ("training: {epochs: 30.0}", "Epochs is 30.0"),
        ("training: {epochs: 2020-01-01}", "Epochs is '2020-01-01'"),
        ("training: {epochs: 0b11}", "Epochs is '0b11'"),
        ("training: {epochs: ３}", "Epochs is '３'"),
        ("training: {epochs: [3]}", "Epochs is [3]"),
        ("training: {epochs: }", "Epochs is empty"),
        ("training: {epochs: " + "9" * 5000 + "}", "Epochs is '999"),
        ("training: {stop_on_collapse: yes}", "true or false"),
        ("training: {stop_on_collapse: 1}", "true or false"),
        ("training: {stop_on_collapse: 'true'}", "without quotes"),
        ("optimiser: {base_lr: .nan}", "is nan"),
        ("optimiser: {base_lr: .inf}", "is inf"),
        ("optimiser: {base_lr: 1e400}", "is inf"),
        ("optimiser: {base_lr: nan}", "is 'nan'"),
        ("schema_version: 2", "this version of the program reads 1"),
    ],
)
def test_a_value_of_another_type_is_refused(tmp_path: Path, text: str, words: str) -> None:
    """YAML 1.1: yes was 1, 1:30 was 90, 010 was 8."""
    assert words in refused(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "line", "key"),
    [
        ("training: {epochs: 3}\ntraining: {seed: 1}", 2, "training is given twice"),
        ("training:\n  epochs: 3\n  seed: 1\n  epochs: 3", 4, "training.epochs is given twice"),
        ("training:\n  epochs: 3\n  'epochs': 4", 3, "training.epochs is given twice"),
        ("training: {epochs: 3,\n epochs: 4}", 2, "training.epochs is given twice"),
        ("name: a\r\nname: b\r\n", 2, "name is given twice"),
        ("\ufeffname: a\nname: b\n", 2, "name is given twice"),
        ("training:\n\tepochs: 3", 2, "spaces, not tabs"),
        ("name: a\n---\nname: b", 2, "another document"),
        ("name: a\nknn: {k: 3", 3, "expected"),
        ("name: 'a\n", 2, "end of stream"),
        ("name: a\nx: \x1b", 2, "not allowed"),
        ("name: !!python/object:os.system x", 1, "tag !!python/object"),
        ("name: *a", 1, "undefined alias"),
        ("? [a]\n: b", 1, "a key must be a word"),
    ],
)
def test_a_key_given_twice_and_other_faults_are_told_with_their_line(
    tmp_path: Path, text: str, line: int, key: str
) -> None:
    """Duplicate keys passed in silence, and the last one won."""
    sentence = refused(tmp_path, text)
    assert f"in line {line}: " in sentence
    assert key in sentence


def test_what_yaml_1_2_reads_is_read(tmp_path: Path) -> None:
    """2e-5 was text to YAML 1.1; merge keys, byte order marks and Windows line ends work."""
    assert read(tmp_path, "optimiser: {base_lr: 2e-5, weight_decay: .5}").optimiser.base_lr == 2e-5
    assert read(tmp_path, "optimiser: {base_lr: 1}").optimiser.base_lr == 1
    assert read(tmp_path, "training: {epochs: 0o17, seed: 0x10}").training.epochs == 15
    assert read(tmp_path, "training: {epochs: 7}  # seven").training.epochs == 7
    merged = read(tmp_path, "training:\n  <<: {epochs: 3, seed: 5}\n  epochs: 4").training
    assert (merged.epochs, merged.seed) == (4, 5)
    assert read(tmp_path, b"\xef\xbb\xbftraining:\r\n  epochs: 3\r\n").training.epochs == 3
    assert read(tmp_path, "") == read(tmp_path, "# nothing\n") == Config()
    assert read(tmp_path, "data: {train_limit: ~}").data.train_limit is None


@pytest.mark.parametrize(
    "name", ["1e3", "on", "yes", "no", "0o10", "010", "1_000", "2020-01-01", "true", "-1", "1.5e3"]
)
def test_a_name_is_text_whatever_it_looks_like(tmp_path: Path, name: str) -> None:
    """A name needs no quotes, and reads the same from what any version wrote."""
    assert read(tmp_path, f"name: {name}").name == name
    assert read(tmp_path, yaml.safe_dump({"name": name})).name == name
    assert read(tmp_path, dump_yaml(parse({"name": name}))).name == name
    assert yaml.safe_load(dump_yaml(parse({"name": name})))["name"] == name


def test_configs_that_an_earlier_version_wrote_read_to_the_same(tmp_path: Path) -> None:
    """They were written by yaml.safe_dump and read by yaml.safe_load."""
    dice, letters = random.Random(0), "0123456789eExob+-_. nfalsetruyNOI~"
    for number in range(100):
        name = "".join(dice.choices(letters + string.ascii_letters, k=dice.randrange(7)))
        data = {"source": "folder", "path": "/" * (number % 2) + (name or "x"), "train_limit": number or None}
        values: dict[str, Any] = {"schema_version": 1, "name": name, "data": data}
        values["optimiser"] = {"base_lr": 10.0 ** -dice.randrange(9), "weight_decay": dice.random()}
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(values, sort_keys=False, allow_unicode=True), encoding="utf-8")
        assert read_yaml(path) == values == yaml.safe_load(path.read_text(encoding="utf-8"))


def test_aliases_cannot_grow_without_bound(tmp_path: Path) -> None:
    """The billion laughs, as mappings, lists and merge keys: an answer at once, and a short one."""
    for first, made in (("{x: 1}", "{{{}}}"), ("[x]", "[{}]"), ("{x: 1}", "{{<<: [{}]}}")):
        lines = [f"a0: &a0 {first}"]
        for level in range(1, 30):
            names = [f"*a{level - 1}"] * 10
            keyed = [f"k{i}: {name}" for i, name in enumerate(names)]
            inside = ", ".join(keyed if made == "{{{}}}" else names)
            lines.append(f"a{level}: &a{level} {made.format(inside)}")
        refused(tmp_path, "\n".join([*lines, "name: *a29"]))
    assert "nested too deeply" in refused(tmp_path, "name: &a [*a]")
    assert "nest" in refused(tmp_path, "name: " + "[" * 10_000)
    assert "too large" in refused(tmp_path, "#" * 2**21)
    assert "not UTF-8" in refused(tmp_path, "name: a".encode("utf-16"))


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("training: {epoch: 3}", "write training.epochs"),
        ("optimizer: {momentum: 0.5}", "write optimiser"),
        ("epochs: 3", "write training.epochs"),
        ("lr: 0.1", "write optimiser.base_lr"),
        ("optimiser: {batch-size: 3}", "write training.batch_size"),
        ("zebra: 1", "known here: augmentation"),
    ],
)
def test_an_unknown_key_names_the_one_that_was_meant(tmp_path: Path, text: str, meant: str) -> None:
    """A slip in a key."""
    assert meant in refused(tmp_path, text)


@pytest.mark.parametrize(
    "flags",
    [["--epochs", "1_000"], ["--epochs", " 5"], ["--epochs", "5.0"], ["--epochs", "yes"], ["--base-lr", "nan"],
     ["--base-lr", "1e400"], ["--base-lr", "inf"], ["--seed", "010"], ["--train-limit", ""],
     ["--sweep", "epochs=1_0,2"], ["--sweep", "epochs=1:inf:3"], ["--sweep", "predictor=yes,no"],
     ["--sweep", "lr=nan"]],
)  # fmt: skip
def test_flags_and_sweeps_follow_the_same_rule(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Strictness on the terminal as in files."""
    assert main(["train", *flags, "--save-dir", str(tmp_path / "runs")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    "flags",
    [
        ["map", "x", "--min-dist", "nan"],
        ["neighbours", "x", "--id", "a", "-k", "1_0"],
        ["queue", "run", "--cpu-slots", " 1"],
    ],
)
def test_numbers_of_other_commands_follow_it_too(flags: list[str]) -> None:
    """NaN and 1_0 as argparse would take them."""
    with pytest.raises(SystemExit) as ended:
        build_parser().parse_args(flags)
    assert ended.value.code == 2


def test_sweeps_have_the_types_of_their_fields() -> None:
    """Values of a sweep are text, and become numbers and truth values."""
    configs = expand(
        {}, read_sweeps(["lr: 1e-3, 0.1", "predictor=true,false", "epochs=3:5:2", "train-limit=none,50"])
    )
    assert len(configs) == 16
    assert {c.optimiser.base_lr for c in configs} == {0.001, 0.1}
    assert {c.model.predictor for c in configs} == {True, False}
    assert {c.data.train_limit for c in configs} == {None, 50}


def test_many_configs_are_read_quickly(tmp_path: Path) -> None:
    """3,000 runs are listed at first view: libyaml parses, and not Python."""
    from simsiam_core.config import yaml_reader

    assert yaml_reader._LOADER is yaml.CBaseLoader
    assert RunStore(tmp_path).create(Config()).config() == Config()
