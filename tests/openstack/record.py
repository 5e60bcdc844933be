"""Records what a real OpenStack answers, for the unit tests that play it again.

    OS_CLIENT_CONFIG_FILE=... python -m tests.openstack.record

Ids stay as they were; the project's, the site's names and what says nothing are written over or left out.
"""

import json
import time
from typing import Any
from urllib.parse import urlsplit

import requests

from kubisnap.adapters import openstack
from kubisnap.adapters.openstack.connections import Wire
from tests.contract.openstack_site import site
from tests.unit.adapters.openstack.life import IMAGE, SIZE, Life
from tests.unit.adapters.openstack.replay import BASES, PROJECT, RECORDED, key_of

_DULL = {
    "links", "tenant_id", "user_id", "hostId", "adminPass", "created", "updated", "progress", "locked",
    "revision_number", "created_at", "updated_at", "accessIPv4", "accessIPv6", "description_hidden",
    "checksum", "os_hash_algo", "os_hash_value", "stores", "schema", "self", "file", "locked_reason",
    "trusted_image_certificates", "standard_attr_id",
}  # fmt: skip
_DULL_BEGINNINGS = ("OS-EXT-SRV-ATTR:", "OS-SRV-USG:", "OS-DCF:", "os-extended", "binding:", "os-vol-")


def main() -> None:
    """Record, and write the file."""
    recorder = Recorder()
    with site(projects=1) as made:
        cloud = openstack.factory(made.settings[0])
        recorder.names = {made.image: IMAGE}
        recorder.flavor = made.size
        with recorder:
            told = Life(_Renaming(cloud, made.image), lambda: time.sleep(0.5)).play()
        recorder.project = cloud.account().id.partition("/")[0]
        cloud.close()
    text = json.dumps(
        {"told": recorder.trimmed(told), "answers": recorder.kept()}, indent=1, sort_keys=True
    )
    RECORDED.write_text(recorder.renamed(text) + "\n")


class _Renaming:
    """The cloud, asked for the site's size and image where the life says its own."""

    def __init__(self, cloud: Any, name: str) -> None:
        self._cloud = cloud
        self._name = name

    def create(self, request: Any) -> Any:
        """Ask for what the site has."""
        import msgspec

        resource = request.resource
        if hasattr(resource, "image"):
            resource = msgspec.structs.replace(resource, size=self._name, image=self._name)
        return self._cloud.create(msgspec.structs.replace(request, resource=resource))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cloud, name)


class Recorder:
    """Listens to what goes over the wire while it is entered."""

    def __init__(self) -> None:
        self.answers: dict[str, list[dict[str, Any]]] = {}
        self.names: dict[str, str] = {}
        self.flavor = ""
        self.project = ""
        self._send: Any = None

    def __enter__(self) -> "Recorder":
        self._send = Wire.send

        def listening(wire: Wire, request: requests.PreparedRequest, **named: Any) -> requests.Response:
            response: requests.Response = self._send(wire, request, **named)
            self.hear(request, response)
            return response

        Wire.send = listening  # type: ignore[method-assign]  # for as long as it listens
        return self

    def __exit__(self, *_: object) -> None:
        Wire.send = self._send  # type: ignore[method-assign]

    def hear(self, request: requests.PreparedRequest, response: requests.Response) -> None:
        """Keep one exchange, unless it is Keystone's or a page of versions."""
        target = self._target(request.url or "")
        if target is None:
            return
        kept: dict[str, Any] = {"status": response.status_code}
        if request.body:
            kept["body"] = json.loads(request.body)
        if response.content:
            kept["answer"] = self.trimmed(response.json())
        self.answers.setdefault(key_of(str(request.method), target), []).append(kept)

    @staticmethod
    def _target(url: str) -> str | None:
        """Return a path below the replaying server's address, by the port of the real one's service."""
        parts = urlsplit(url)
        ports = {18774: "compute", 19696: "network", 19292: "image", 18776: "volume", 19876: "balancer"}
        service = ports.get(parts.port or 0)
        if service is None or parts.path.rstrip("/") in {"", "/v2.1", "/v2.0", "/v2", "/v3"}:
            return None
        return f"/{service}{parts.path}{'?' if parts.query else ''}{parts.query}"

    def trimmed(self, data: Any) -> Any:
        """Return an answer without what says nothing."""
        if isinstance(data, dict):
            return {
                name: self.trimmed(value)
                for name, value in data.items()
                if name not in _DULL and not name.startswith(_DULL_BEGINNINGS)
            }
        return [self.trimmed(item) for item in data] if isinstance(data, list) else data

    def kept(self) -> dict[str, list[dict[str, Any]]]:
        """Return the exchanges, without repetitions at the end of one request's."""
        for exchanges in self.answers.values():
            while len(exchanges) > 1 and exchanges[-1] == exchanges[-2]:
                exchanges.pop()
        return self.answers

    def renamed(self, text: str) -> str:
        """Return the text with the project's id and the site's names written over."""
        text = text.replace(self.project, PROJECT)
        text = text.replace(f'"original_name": "{self.flavor}"', f'"original_name": "{SIZE}"')
        text = text.replace(f'"size": "{self.flavor}"', f'"size": "{SIZE}"')
        for there, here in self.names.items():
            text = text.replace(there, here)
        return text


assert BASES  # noqa: S101  # the ports above are those of its services

if __name__ == "__main__":
    main()
