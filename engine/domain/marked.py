"""YAML text to plain values, with the line and column of every field. Does no I/O.

What is read is hostile until it was checked: its size, what its aliases stand for, doubled fields.
"""

import re
from typing import Any

import yaml

from ..errors import InvalidInput

MAX_BYTES = 1024 * 1024
_MAX_MARKS = 10_000_000
"""Characters of all fields' paths together: what aliases can multiply a small file to."""

_PART = re.compile(r"\[([0-9]+)\]|([^.\[\]]+)")


class Marked:
    """A YAML file's fields: where each stands. `name` is the file's, for messages."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._marks: dict[str, tuple[int, int]] = {}
        self._marked = 0

    def locate(self, field: str) -> str:
        """Return ``file:line:column`` of a field, or of the nearest field around it."""
        parts = [match.group(0).strip(".") for match in _PART.finditer(field)]
        while parts:
            path = "".join(part if part.startswith("[") else f".{part}" for part in parts).removeprefix(".")
            if path in self._marks:
                line, column = self._marks[path]
                return f"{self.name}:{line}:{column}"
            parts.pop()
        return self.name

    def wrong(self, field: str, problem: str) -> InvalidInput:
        """Return the error that says what is wrong with a field, and where it stands."""
        return InvalidInput(field, problem, self.locate(field))

    def parse(self, text: str, *, otherwise: str) -> dict[str, Any]:
        """Return the file's fields. `otherwise` is told where it has none.

        Raises `InvalidInput` for what is no YAML, or too much of it.
        """
        if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
            raise InvalidInput("", f"longer than {MAX_BYTES} bytes", self.name)
        try:
            loader = yaml.SafeLoader(text)
            node = loader.get_single_node()
            content = None if node is None else self._value(loader, node, "")
        except yaml.reader.ReaderError as error:
            before = text[: error.position]
            where = f"{self.name}:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
            told = f"the character {chr(error.character)!r} is not allowed"
            raise InvalidInput("", f"not valid YAML: {told}", where) from error
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            where = self.name if mark is None else f"{self.name}:{mark.line + 1}:{mark.column + 1}"
            told = error.problem or error.context or "cannot be parsed"
            raise InvalidInput("", f"not valid YAML: {told}", where) from error
        except RecursionError as error:
            raise InvalidInput("", "not valid YAML: nested too deeply", self.name) from error
        if not isinstance(content, dict):
            raise InvalidInput("", otherwise, self.name)
        return content

    def _value(self, loader: yaml.SafeLoader, node: yaml.Node, path: str) -> Any:
        self._marked += len(path) + 1
        if self._marked > _MAX_MARKS:
            raise InvalidInput("", "its aliases stand for far too many values", _spot(self.name, node))
        self._marks[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
        if isinstance(node, yaml.MappingNode):
            found: dict[str, Any] = {}
            for key_node, value_node in node.value:
                key = self._scalar(loader, key_node, path)
                spot = _spot(self.name, key_node)
                if not isinstance(key, str):
                    raise InvalidInput(path, f"{key!r} is not a field name", spot)
                if key in found:
                    raise InvalidInput(f"{path}.{key}".lstrip("."), "is there twice", spot)
                found[key] = self._value(loader, value_node, f"{path}.{key}".lstrip("."))
            return found
        if isinstance(node, yaml.SequenceNode):
            return [self._value(loader, item, f"{path}[{i}]") for i, item in enumerate(node.value)]
        return self._scalar(loader, node, path)

    def _scalar(self, loader: yaml.SafeLoader, node: yaml.Node, path: str) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            raise InvalidInput(path, "a field's name is one word", _spot(self.name, node))
        try:
            value = loader.construct_object(node)
        except (ValueError, LookupError, AttributeError) as error:  # as PyYAML reports `!!int x`
            kind = node.tag.rpartition(":")[2]
            raise InvalidInput(
                path, f"{node.value!r} is not a value of type {kind}", _spot(self.name, node)
            ) from error
        if isinstance(value, int) and value.bit_length() > 63:
            raise InvalidInput(path, "is far too large", _spot(self.name, node))
        return value


def _spot(name: str, node: yaml.Node) -> str:
    return f"{name}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
