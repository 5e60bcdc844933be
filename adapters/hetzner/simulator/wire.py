"""What goes over the wire: errors as Hetzner words them, with a code for machines."""

from collections.abc import Mapping

from ...simulation.serving import Answer, JsonObject, Silence

__all__ = ["NO_CONTENT", "SERVER_NAME", "Answer", "ApiError", "JsonObject", "Silence"]

SERVER_NAME = "kubisnap-hetzner-simulator"
NO_CONTENT = Answer(204)


class ApiError(Exception):
    """A refusal: status, code and message, at times with the names of the fields it is about."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        fields: tuple[str, ...] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, code, message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields
        self.headers = headers or {}

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.message}"

    def answer(self) -> Answer:
        """The refusal as an answer."""
        return Answer(self.status, error_body(self.code, self.message, self.fields), headers=self.headers)


def error_body(code: str, message: str, fields: tuple[str, ...] = ()) -> JsonObject:
    """The body of a refusal."""
    told = [{"name": name, "messages": ["is invalid"]} for name in fields]
    details: JsonObject = {"fields": told} if told else {}
    return {"error": {"code": code, "message": message, "details": details}}


def invalid(field: str, problem: str = "is invalid") -> ApiError:
    """422, for a field that makes no sense."""
    return ApiError(422, "invalid_input", f"invalid input in field '{field}': {problem}", fields=(field,))


def not_found(what: str, name: object) -> ApiError:
    """404, for what is not there or belongs to another project."""
    return ApiError(404, "not_found", f"{what} with ID '{name}' not found")


def taken(what: str) -> ApiError:
    """409, for a name (or a key) that is there already."""
    return ApiError(409, "uniqueness_error", f"{what} is already used")


def locked(what: str) -> ApiError:
    """423, while an action is at work on it."""
    return ApiError(423, "locked", f"{what} is locked, an action is already running")
