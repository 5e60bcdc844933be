"""Records what a real OpenStack answers, for the unit tests that play it again.

    OS_CLIENT_CONFIG_FILE=... python -m tests.openstack.record

Ids stay as they were; the project's is written over, and what says nothing is left out.
"""

import json
import time
from typing import Any, Self
from urllib.parse import urlsplit

import requests

from kubisnap.adapters import openstack
from kubisnap.adapters.openstack.connections import Wire
from tests.contract.openstack_site import administrator, site
from tests.unit.adapters.openstack.life import IMAGE, SIZE, Life
from tests.unit.adapters.openstack.replay import PROJECT, RECORDED, key_of

_DULL = {
    "links", "tenant_id", "user_id", "hostId", "adminPass", "created", "updated", "progress", "locked",
    "revision_number", "created_at", "updated_at", "accessIPv4", "accessIPv6", "description_hidden",
    "checksum", "os_hash_algo", "os_hash_value", "stores", "schema", "self", "file", "locked_reason",
    "trusted_image_certificates", "standard_attr_id", "host_status", "tags_links", "fingerprint", "user_data",
}  # fmt: skip
_DULL_BEGINNINGS = ("OS-EXT-SRV-ATTR:", "OS-SRV-USG:", "OS-DCF:", "os-extended", "binding:", "os-vol-")


def main() -> None:
    """Record, and write the file: an exchange a line."""
    recorder = Recorder()
    with site(projects=1, size=SIZE, image=IMAGE) as made:
        cloud = openstack.factory(made.settings[0])
        recorder.services = _services()
        with recorder:
            told = Life(cloud, lambda: time.sleep(0.5)).play()
        project = cloud.account().id.partition("/")[0]
        cloud.close()
    lines = [
        f"{json.dumps(key)}: [\n{_lines(exchanges)}\n]" for key, exchanges in sorted(recorder.kept().items())
    ]
    seen = ",\n".join(f"{json.dumps(what)}: {json.dumps(value)}" for what, value in told.items())
    answers = ",\n".join(lines)
    text = f'{{"told": {{\n{seen}\n}},\n"answers": {{\n{answers}\n}}}}\n'
    RECORDED.write_text(text.replace(project, PROJECT))


def _lines(exchanges: list[dict[str, Any]]) -> str:
    return ",\n".join(json.dumps(exchange) for exchange in exchanges)


def _services() -> dict[str, str]:
    """Return the services of the control plane by where they are."""
    names = {"compute": "compute", "network": "network", "image": "image", "volumev3": "volume"}
    names["load-balancer"] = "balancer"
    admin: Any = administrator()
    catalogue = admin.session.auth.get_access(admin.session).service_catalog.catalog
    return {
        urlsplit(place["url"]).netloc: names[entry["type"]]
        for entry in catalogue
        for place in entry["endpoints"]
        if entry["type"] in names
    }


class Recorder:
    """Listens to what goes over the wire while it is entered."""

    def __init__(self) -> None:
        self.answers: dict[str, list[dict[str, Any]]] = {}
        self.services: dict[str, str] = {}
        self._send: Any = None

    def __enter__(self) -> Self:
        self._send = Wire.send

        def listening(wire: Wire, request: requests.PreparedRequest, **named: Any) -> requests.Response:
            response: requests.Response = self._send(wire, request, **named)
            self.hear(request, response)
            return response

        Wire.send = listening  # type: ignore[assignment,method-assign]  # for as long as it listens
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

    def _target(self, url: str) -> str | None:
        """Return a path below the replaying server's address; None for Keystone's and pages of versions."""
        parts = urlsplit(url)
        service = self.services.get(parts.netloc)
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


if __name__ == "__main__":
    main()
