"""YAML 1.2 reader for settings: strict about scalars, duplicate keys and tags.

libyaml parses; the values of its nodes are decided here, since PyYAML implements only YAML 1.1, where `yes`
is true and `1:30` is 90, and the last of two equal keys wins.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import yaml

from simsiam_core.config.scalars import scalar

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # pure Python if PyYAML was built without libyaml
_STANDARD = "tag:yaml.org,2002:"
_TAGS = {_STANDARD + name for name in ("str", "seq", "map", "int", "float", "bool", "null")}
_DEEPEST = 20  # levels; settings have two
_MERGE = "<<"


class YamlError(ValueError):
    """Error for invalid YAML or duplicate keys; the message is the end of a sentence."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem if line is None else f"in line {line}: {problem}")


def read_yaml_text(text: str, texts: Collection[str] = ()) -> Any:
    """Parse a YAML document; `texts` are the paths, such as `data.path`, whose scalars are text as written.

    Anchors, aliases and merge keys work. Raises YamlError.
    """
    try:
        node = yaml.compose(text, Loader=_LOADER)
        return None if node is None else _Values(texts).value(node, ())
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        problem = (error.problem or "it cannot be parsed").removeprefix("but ")
        if "\t" in _line(text, line):
            problem += " (indent with spaces, not tabs)"
        raise YamlError(problem, line) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1 if isinstance(error.position, int) else None
        raise YamlError("a character that is not allowed", line) from None
    except RecursionError:
        raise YamlError("it is nested too deeply") from None


def _line(text: str, number: int | None) -> str:
    lines = text.splitlines()
    return lines[number - 1] if number is not None and number <= len(lines) else ""


class _Values:
    """Converter of nodes to values. Aliases share their anchor's value, so that nothing grows without bound."""

    def __init__(self, texts: Collection[str]) -> None:
        self._texts = texts
        self._made: dict[int, Any] = {}
        self._open: set[int] = set()

    def value(self, node: yaml.Node, path: tuple[str, ...]) -> Any:
        if node.tag not in _TAGS:
            raise YamlError(f"the tag {node.tag.replace(_STANDARD, '!!')} is not known here", _at(node))
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        if id(node) in self._open or len(path) > _DEEPEST:
            raise YamlError("it is nested too deeply", _at(node))
        if id(node) not in self._made:
            self._open.add(id(node))
            mapping = isinstance(node, yaml.MappingNode)
            self._made[id(node)] = self._mapping(node, path) if mapping else self._sequence(node, path)
            self._open.remove(id(node))
        return self._made[id(node)]

    def _scalar(self, node: yaml.ScalarNode, path: tuple[str, ...]) -> Any:
        quoted = node.style not in (None, "") and node.tag == _STANDARD + "str"
        value = node.value if quoted else scalar(node.value)
        return node.value if value is not None and ".".join(path) in self._texts else value

    def _sequence(self, node: yaml.Node, path: tuple[str, ...]) -> list[Any]:
        return [self.value(item, (*path, str(i))) for i, item in enumerate(node.value)]

    def _mapping(self, node: yaml.Node, path: tuple[str, ...]) -> dict[str, Any]:
        own: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise YamlError("a key must be a word", _at(key_node))
            key = key_node.value
            if key == _MERGE and key_node.style in (None, ""):
                merged = self._merged(value_node, path) | merged
            elif key in own:
                raise YamlError(f"{'.'.join((*path, key))} is given twice; keep one of them", _at(key_node))
            else:
                own[key] = self.value(value_node, (*path, key))
        return merged | own

    def _merged(self, node: yaml.Node, path: tuple[str, ...]) -> dict[str, Any]:
        value = self.value(node, path)
        merged: dict[str, Any] = {}
        for part in value if isinstance(value, list) else [value]:
            if not isinstance(part, dict):
                raise YamlError("<< must name groups of settings", _at(node))
            merged = part | merged
        return merged


def _at(node: yaml.Node) -> int:
    return node.start_mark.line + 1
