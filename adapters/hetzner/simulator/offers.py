"""What the simulated cloud has on offer: locations, server types, images and prices, as tables.

The prices are those that Hetzner's API told on 2026-09-29, euros without taxes; all are in stock here, and
the price of a floating IP is an older one. The last server type is withdrawn, because clients must cope
with that.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from .routing import Call, Route, paged
from .wire import Answer, JsonObject, not_found

EUROPE = ("fsn1", "nbg1", "hel1")
_US = ("ash", "hil")

_LOCATIONS = (
    ("fsn1", "Falkenstein DC Park 1", "DE", "Falkenstein", 50.47612, 12.370071, "eu-central"),
    ("nbg1", "Nuremberg DC Park 1", "DE", "Nuremberg", 49.452102, 11.076665, "eu-central"),
    ("hel1", "Helsinki DC Park 1", "FI", "Helsinki", 60.169855, 24.938379, "eu-central"),
    ("ash", "Ashburn, VA", "US", "Ashburn, VA", 39.045821, -77.487073, "us-east"),
    ("hil", "Hillsboro, OR", "US", "Hillsboro, OR", 45.54222, -122.951924, "us-west"),
    ("sin", "Singapore", "SG", "Singapore", 1.283333, 103.833333, "ap-southeast"),
)
_FIELDS = ("name", "description", "country", "city", "latitude", "longitude", "network_zone")
LOCATIONS: dict[str, JsonObject] = {
    row[0]: {"id": number, **dict(zip(_FIELDS, row, strict=True))} for number, row in enumerate(_LOCATIONS, 1)
}


@dataclass(frozen=True)
class ServerType:
    """A kind of server. `prices` are of a month and an hour, in Europe, the USA and Singapore."""

    id: int
    name: str
    cores: int
    memory: int
    disk: int
    europe: tuple[str, str] | None
    us: tuple[str, str] | None = None
    singapore: tuple[str, str] | None = None
    withdrawn: bool = False

    @property
    def architecture(self) -> str:
        """Which images it runs."""
        return "arm" if self.name.startswith("cax") else "x86"

    @property
    def prices(self) -> dict[str, tuple[str, str]]:
        """The price of a month and of an hour, by location."""
        places = ((EUROPE, self.europe), (_US, self.us), (("sin",), self.singapore))
        return {place: price for group, price in places if price for place in group}


_TYPES = (
    ServerType(114, "cx23", 2, 4, 40, ("5.49", "0.0088")),
    ServerType(115, "cx33", 4, 8, 80, ("8.49", "0.0136")),
    ServerType(116, "cx43", 8, 16, 160, ("15.99", "0.0256")),
    ServerType(117, "cx53", 16, 32, 320, ("29.49", "0.0473")),
    ServerType(45, "cax11", 2, 4, 40, ("5.99", "0.0096")),
    ServerType(93, "cax21", 4, 8, 80, ("10.49", "0.0168")),
    ServerType(94, "cax31", 8, 16, 160, ("20.99", "0.0336")),
    ServerType(95, "cax41", 16, 32, 320, ("40.99", "0.0657")),
    ServerType(22, "cpx11", 2, 2, 40, None, ("17.49", "0.028")),
    ServerType(23, "cpx21", 3, 4, 80, None, ("31.99", "0.0513")),
    ServerType(24, "cpx31", 4, 8, 160, None, ("62.49", "0.1001")),
    ServerType(25, "cpx41", 8, 16, 240, None, ("120.49", "0.1931")),
    ServerType(26, "cpx51", 16, 32, 360, None, ("237.99", "0.3814")),
    ServerType(108, "cpx12", 1, 2, 40, ("11.49", "0.0184"), None, ("15.49", "0.0248")),
    ServerType(109, "cpx22", 2, 4, 80, ("19.49", "0.0312"), None, ("26.49", "0.0425")),
    ServerType(110, "cpx32", 4, 8, 160, ("35.49", "0.0569"), None, ("48.99", "0.0785")),
    ServerType(111, "cpx42", 8, 16, 320, ("69.49", "0.1114"), None, ("93.49", "0.1498")),
    ServerType(112, "cpx52", 12, 24, 480, ("100.49", "0.161"), None, ("134.49", "0.2155")),
    ServerType(113, "cpx62", 16, 32, 640, ("129.99", "0.2083"), None, ("171.99", "0.2756")),
    ServerType(96, "ccx13", 2, 8, 80, ("42.99", "0.0689"), ("43.49", "0.0697"), ("53.99", "0.0865")),
    ServerType(97, "ccx23", 4, 16, 160, ("85.99", "0.1378"), ("87.49", "0.1402"), ("108.49", "0.1739")),
    ServerType(98, "ccx33", 8, 32, 240, ("138.49", "0.2219"), ("140.99", "0.2259"), ("174.49", "0.2796")),
    ServerType(99, "ccx43", 16, 64, 360, ("275.99", "0.4423"), ("279.49", "0.4479"), ("340.99", "0.5465")),
    ServerType(100, "ccx53", 32, 128, 600, ("533.49", "0.855"), ("538.49", "0.863"), ("651.99", "1.0449")),
    ServerType(101, "ccx63", 48, 192, 960, ("853.49", "1.3678"), ("859.99", "1.3782"), ("1036.49", "1.661")),
    ServerType(104, "cx22", 2, 4, 40, ("4.49", "0.0072"), withdrawn=True),
)
SERVER_TYPES = {item.name: item for item in _TYPES}

_SYSTEMS = (
    ("ubuntu", "22.04"),
    ("ubuntu", "24.04"),
    ("ubuntu", "26.04"),
    ("debian", "12"),
    ("debian", "13"),
    ("rocky", "9"),
    ("rocky", "10"),
    ("alma", "9"),
    ("alma", "10"),
    ("fedora", "43"),
    ("centos", "stream-9"),
    ("centos", "stream-10"),
    ("opensuse", "16"),
)
IMAGES: dict[int, JsonObject] = {
    number: {
        "id": number,
        "name": f"{flavor}-{version}",
        "os_flavor": flavor,
        "os_version": version,
        "architecture": architecture,
    }
    for number, (flavor, version, architecture) in enumerate(
        ((*system, architecture) for system in _SYSTEMS for architecture in ("x86", "arm")), 45_557_001
    )
}

_BALANCER_TYPES = (
    (1, "lb11", 5, 10_000, 25, 10, "7.49", "0.012"),
    (2, "lb21", 15, 20_000, 75, 25, "22.49", "0.036"),
    (3, "lb31", 30, 40_000, 150, 50, "44.99", "0.0721"),
)
BALANCER_SERVICES = {row[1]: row[2] for row in _BALANCER_TYPES}
_PRIMARY_IP = ("0.50", "0.0008")
_FLOATING_IP, _VOLUME_GB, _IMAGE_GB = "3.00", "0.0572", "0.0143"
_DEPRECATED = {"announced": "2025-10-16T06:00:00Z", "unavailable_after": "2025-12-31T23:59:59Z"}
_TRAFFIC = 20 * 1024**4


def _money(text: str) -> JsonObject:
    amount = Decimal(text)
    return {"net": f"{amount:.10f}", "gross": f"{amount:.16f}"}


def _price(place: str, month: str, hour: str, *, traffic: bool = True) -> JsonObject:
    told: JsonObject = {
        "location": place,
        "price_hourly": _money(hour),
        "price_monthly": _money(month),
    }
    if traffic:
        told |= {"included_traffic": _TRAFFIC, "price_per_tb_traffic": _money("1.00")}
    return told


def server_type_view(item: ServerType) -> JsonObject:
    """A server type as the API shows it."""
    gone = _DEPRECATED if item.withdrawn else None
    return {
        "id": item.id,
        "name": item.name,
        "description": item.name.upper(),
        "category": "general_purpose" if item.name.startswith("ccx") else "cost_optimized",
        "cores": item.cores,
        "memory": item.memory,
        "disk": item.disk,
        "cpu_type": "dedicated" if item.name.startswith("ccx") else "shared",
        "architecture": item.architecture,
        "storage_type": "local",
        "deprecated": item.withdrawn,
        "deprecation": gone,
        "prices": [_price(place, *price) for place, price in item.prices.items()],
        "locations": [
            {
                "id": LOCATIONS[place]["id"],
                "name": place,
                "available": not item.withdrawn,
                "recommended": place == "hel1",
                "deprecation": gone,
            }
            for place in item.prices
        ],
    }


def image_view(image: JsonObject) -> JsonObject:
    """An image as the API shows it."""
    return {
        **image,
        "type": "system",
        "status": "available",
        "description": image["name"],
        "image_size": None,
        "disk_size": 5,
        "created": "2026-01-15T10:00:00+00:00",
        "created_from": None,
        "bound_to": None,
        "rapid_deploy": True,
        "protection": {"delete": False},
        "deprecated": None,
        "deleted": None,
        "labels": {},
    }


def balancer_type_view(row: tuple[Any, ...]) -> JsonObject:
    """A load balancer type as the API shows it."""
    number, name, services, connections, targets, certificates, month, hour = row
    return {
        "id": number,
        "name": name,
        "description": name.upper(),
        "max_services": services,
        "max_connections": connections,
        "max_targets": targets,
        "max_assigned_certificates": certificates,
        "deprecated": None,
        "prices": [_price(place, month, hour) for place in LOCATIONS],
    }


BALANCER_TYPES = {row[1]: balancer_type_view(row) for row in _BALANCER_TYPES}


def datacenter_view(place: str) -> JsonObject:
    """A data centre, in which older answers said where something is."""
    ids = [item.id for item in SERVER_TYPES.values() if place in item.prices]
    return {
        "id": LOCATIONS[place]["id"],
        "name": f"{place}-dc1",
        "description": f"{LOCATIONS[place]['city']} 1 virtual DC 1",
        "location": LOCATIONS[place],
        "server_types": {"available": ids, "available_for_migration": ids, "supported": ids},
    }


def _pricing(_: Call) -> Answer:
    addresses = [_price(place, *_PRIMARY_IP, traffic=False) for place in LOCATIONS]
    floating = [{"location": place, "price_monthly": _money(_FLOATING_IP)} for place in LOCATIONS]
    pricing = {
        "currency": "EUR",
        "vat_rate": "0.000000",
        "image": {"price_per_gb_month": _money(_IMAGE_GB)},
        "volume": {"price_per_gb_month": _money(_VOLUME_GB)},
        "floating_ip": {"price_monthly": _money(_FLOATING_IP)},
        "floating_ips": [{"type": "ipv4", "prices": floating}],
        "primary_ips": [{"type": "ipv4", "prices": addresses}],
        "server_backup": {"percentage": "20.0000000000"},
        "server_types": [_prices_only(server_type_view(item)) for item in SERVER_TYPES.values()],
        "load_balancer_types": [_prices_only(view) for view in BALANCER_TYPES.values()],
    }
    return Answer(200, {"pricing": pricing})


def _prices_only(view: JsonObject) -> JsonObject:
    return {name: view[name] for name in ("id", "name", "prices")}


def _named(call: Call, key: str, items: list[JsonObject]) -> Answer:
    name = call.asked("name")
    return paged(call, key, [item for item in items if name in {"", item["name"]}])


def _one(call: Call, key: str, items: list[JsonObject]) -> Answer:
    for item in items:
        if item["id"] == call.id:
            return Answer(200, {key: item})
    raise not_found(key.replace("_", " "), call.id)


def _images(call: Call) -> Answer:
    wanted = {field: call.query[field] for field in ("architecture", "type", "status") if field in call.query}
    found = [image_view(image) for image in IMAGES.values()]
    return _named(
        call,
        "images",
        [item for item in found if all(item[field] in values for field, values in wanted.items())],
    )


def _types() -> list[JsonObject]:
    return [server_type_view(item) for item in SERVER_TYPES.values()]


ROUTES = (
    Route("GET", "/locations", lambda call: _named(call, "locations", list(LOCATIONS.values()))),
    Route("GET", "/locations/{id}", lambda call: _one(call, "location", list(LOCATIONS.values()))),
    Route("GET", "/server_types", lambda call: _named(call, "server_types", _types())),
    Route("GET", "/server_types/{id}", lambda call: _one(call, "server_type", _types())),
    Route("GET", "/images", _images),
    Route("GET", "/images/{id}", lambda call: _one(call, "image", [image_view(i) for i in IMAGES.values()])),
    Route(
        "GET",
        "/load_balancer_types",
        lambda call: _named(call, "load_balancer_types", list(BALANCER_TYPES.values())),
    ),
    Route(
        "GET",
        "/load_balancer_types/{id}",
        lambda call: _one(call, "load_balancer_type", list(BALANCER_TYPES.values())),
    ),
    Route("GET", "/pricing", _pricing),
)
