"""The root of all errors, and what their facts may be."""

from typing import ClassVar

Fact = str | int | float | bool | None | list[str]
Facts = dict[str, Fact]


class KubisnapError(Exception):
    """The root. Subclasses are dataclasses whose fields are the facts."""

    kind: ClassVar[str] = "failed"

    @property
    def hint(self) -> str:
        """Return the next thing to type or do, or an empty string."""
        return ""

    @property
    def facts(self) -> Facts:
        """Return the facts as JSON-able values, for machines."""
        return {}
