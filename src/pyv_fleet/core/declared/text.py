"""Documents as text: YAML that every reader reads alike, with the line of each value, and strict JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import yaml

from pyvorin_edge.canonical import refuse_uncanonical
from pyvorin_edge.errors import CanonicalError, PyvorinError, WireError
from pyvorin_edge.wire import loads_strict

TEXT_BYTES_MAX: Final = 1024 * 1024
DEPTH_MAX: Final = 32
_STR: Final = "tag:yaml.org,2002:str"
_NULL: Final = "tag:yaml.org,2002:null"
_SAYS: Final = {
    "bool": "write true or false, or put it in quotes if it is text",
    "timestamp": "a date by itself: put it in quotes",
    "merge": "merge keys are not read: write it out",
    "int": "a number in a form that readers take differently: write it as JSON would, or put it in quotes",
    "float": "a number in a form that readers take differently: write it as JSON would, or put it in quotes",
}
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?P<fraction>\.[0-9]+)?(?P<exponent>[eE][-+]?[0-9]+)?")

#: by YAML 1.2's core schema
_LIKE_A_NUMBER: Final = re.compile(
    r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)


class Raw(msgspec.Struct, frozen=True):
    """One document as it was written."""

    value: Any
    #: which one of its text, from 1
    number: int
    #: of each value by its path (`spec.waves[0]`), from 1; empty for JSON
    lines: Mapping[str, int] = {}


class TextRefused(PyvorinError):
    """A text that is no list of documents; the message says where and why."""


def read_yaml(data: bytes) -> tuple[Raw, ...]:
    """All documents of a YAML text; empty ones are passed over. TextRefused.

    Without anchors, tags, merge keys, keys twice, and without words that readers of YAML 1.1 and 1.2 take differently.
    """
    text = _text(data)
    found = []
    try:
        for number, node in enumerate(yaml.compose_all(text, _Strict), 1):
            lines: dict[str, int] = {}
            value = _value(node, "", lines)
            if value is not None:
                found.append(Raw(value, number, lines))
    except yaml.MarkedYAMLError as why:
        raise TextRefused(f"{_line(why.problem_mark)}{why.problem or why.context}") from None
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as why:
        raise TextRefused(f"not YAML: {str(why) or type(why).__name__}") from None
    return _canonical(found)


def read_json(data: bytes) -> tuple[Raw, ...]:
    """One document, or a list of them. TextRefused."""
    try:
        value = loads_strict(data, limit_bytes=TEXT_BYTES_MAX, depth=DEPTH_MAX)
    except WireError as why:
        raise TextRefused(str(why)) from None
    many = value if isinstance(value, list) else [value]
    return _canonical([Raw(one, number) for number, one in enumerate(many, 1)])


def written(documents: Sequence[Any]) -> str:
    """Plain values as YAML that `read_yaml` reads; several are parted by `---`."""
    several = len(documents) > 1
    return str(yaml.dump_all(documents, Dumper=_Plain, sort_keys=False, allow_unicode=True, explicit_start=several))


class _Strict(yaml.SafeLoader):
    """Composes nodes alone, and refuses what makes one text two things."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) is not None:
            raise TextRefused(f"{_line(event.start_mark)}anchors and aliases are not read: write it out")
        if getattr(event, "tag", None) is not None:
            raise TextRefused(f"{_line(event.start_mark)}tags are not read: take {event.tag!r} away")
        if self.depth >= DEPTH_MAX:
            raise TextRefused(f"{_line(event.start_mark)}nested deeper than {DEPTH_MAX}")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


class _Plain(yaml.SafeDumper):
    """Puts text in quotes also where only readers of YAML 1.2 would take it for a number."""


def _text_node(dumper: yaml.SafeDumper, text: str) -> Any:
    style = "'" if _LIKE_A_NUMBER.fullmatch(text) else None
    return dumper.represent_scalar(_STR, text, style=style)


_Plain.add_representer(str, _text_node)


def _value(node: Any, path: str, lines: dict[str, int]) -> Any:
    lines[path] = node.start_mark.line + 1
    match node:
        case yaml.MappingNode():
            return _mapping(node, path, lines)
        case yaml.SequenceNode():
            return [_value(one, f"{path}[{index}]", lines) for index, one in enumerate(node.value)]
        case _:
            return _scalar(node)


def _mapping(node: Any, path: str, lines: dict[str, int]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        where = _line(key_node.start_mark)
        key = _scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
        if not isinstance(key, str):
            raise TextRefused(f"{where}a key that is no text: put it in quotes")
        if key in found:
            raise TextRefused(f"{where}key {key!r} stands twice")
        found[key] = _value(value_node, f"{path}.{key}" if path else key, lines)
        lines[f"{path}.{key}" if path else key] = key_node.start_mark.line + 1
    return found


def _scalar(node: Any) -> Any:
    """What YAML 1.1 and 1.2 both take it for; TextRefused where they do not agree."""
    text, tag = str(node.value), str(node.tag)
    number = _NUMBER.fullmatch(text) if node.style is None else None
    is_float = number is not None and (number["fraction"] or number["exponent"])
    if number is not None and tag == f"tag:yaml.org,2002:{'float' if is_float else 'int'}":
        return float(text) if is_float else int(text)
    if tag == _NULL and text in ("", "~", "null"):
        return None
    if tag.endswith(":bool") and text in ("true", "false"):
        return text == "true"
    if tag == _STR and (node.style is not None or _LIKE_A_NUMBER.fullmatch(text) is None):
        return text
    said = _SAYS["float"] if tag == _STR else _SAYS.get(tag.rpartition(":")[2], "put it in quotes")
    raise TextRefused(f"{_line(node.start_mark)}{text!r}: {said}")


def _canonical(found: list[Raw]) -> tuple[Raw, ...]:
    for one in found:
        try:
            refuse_uncanonical(one.value)
        except CanonicalError as why:
            raise TextRefused(f"document {one.number}: {why}") from None
    return tuple(found)


def _text(data: bytes) -> str:
    if len(data) > TEXT_BYTES_MAX:
        raise TextRefused(f"{len(data)} bytes where at most {TEXT_BYTES_MAX} are read")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as why:
        raise TextRefused(f"not UTF-8: byte {why.start}") from None


def _line(mark: Any) -> str:
    return "" if mark is None else f"line {mark.line + 1}: "
