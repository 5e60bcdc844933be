"""What goes over the wire: answers, errors and the JSON they carry.

Knows the shape of DigitalOcean's error bodies; knows nothing of sockets or of the resources.
"""

from collections.abc import Mapping

from ...simulation.serving import Answer, JsonObject, Silence

__all__ = ["Answer", "JsonObject", "Silence"]

SERVER_NAME = "kubisnap-digitalocean-simulator"


NO_CONTENT = Answer(204)


class ApiError(Exception):
    """A refusal, as DigitalOcean words it: status, id and message, at times with more fields or headers."""

    def __init__(
        self,
        status: int,
        error_id: str,
        message: str,
        *,
        extra: JsonObject | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, error_id, message)
        self.status = status
        self.error_id = error_id
        self.message = message
        self.extra = extra or {}
        self.headers = headers or {}

    def __str__(self) -> str:
        return f"{self.status} {self.error_id}: {self.message}"

    def answer(self, request_id: str) -> Answer:
        """The refusal as an answer; every error names the request it belongs to."""
        body = {"id": self.error_id, "message": self.message, "request_id": request_id, **self.extra}
        return Answer(self.status, body, headers=self.headers)


def not_found(message: str = "The resource you were accessing could not be found.") -> ApiError:
    """404, for what is not there or belongs to another account."""
    return ApiError(404, "not_found", message)


def unprocessable(message: str) -> ApiError:
    """422, for a request that is understood and refused."""
    return ApiError(422, "unprocessable_entity", message)


def conflict(message: str) -> ApiError:
    """409, for a request at odds with the state of the resource."""
    return ApiError(409, "conflict", message)


def forbidden(message: str) -> ApiError:
    """403, for what this account may not do now."""
    return ApiError(403, "forbidden", message)


def bad_request(message: str, extra: JsonObject | None = None) -> ApiError:
    """400, for a request that is not understood."""
    return ApiError(400, "bad_request", message, extra=extra)
