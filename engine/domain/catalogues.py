"""Catalogues as files: written the same way each time, read without trust, compared. Does no I/O."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from ipaddress import ip_network

import msgspec

from ..errors import InvalidInput
from .catalogue import Catalogue, SizeOffer

MAX_BYTES = 64 * 1024 * 1024
_LONGEST = 200
_LARGEST = 2**40
_DEAREST = Decimal(10_000_000)


def write_catalogue(catalogue: Catalogue) -> bytes:
    """Return a catalogue's file: JSON, one offer a line, the same bytes for equal catalogues."""
    lines = []
    for name in Catalogue.__struct_fields__:
        value = getattr(catalogue, name)
        if isinstance(value, tuple) and value and isinstance(value[0], msgspec.Struct):
            items = ",\n  ".join(_json(item) for item in value)
            lines.append(f'"{name}": [\n  {items}\n]')
        else:
            lines.append(f'"{name}": {_json(value)}')
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()


def read_catalogue(content: bytes, *, cloud: str, name: str) -> Catalogue:
    """Read a catalogue's file; `name` is the file's, for messages. What is in it is hostile until checked.

    Raises `InvalidInput` for what is none, or another cloud's, or has values that no offer has.
    """
    found, problem = None, f"it is longer than {MAX_BYTES} bytes"
    if len(content) <= MAX_BYTES:
        try:
            found = msgspec.json.decode(content, type=Catalogue)
            problem = next(_problems(found, cloud), "")
        except (ValueError, RecursionError) as error:  # msgspec's errors are ValueErrors
            problem = str(error)
    if found is None or problem:
        told = f"not a catalogue of {cloud}: {problem}"
        raise InvalidInput("", told, name, f"kubisnap clouds refresh {cloud}")
    return found


def _json(value: object) -> str:
    return msgspec.json.encode(value, order="deterministic").decode()


def _problems(catalogue: Catalogue, cloud: str) -> Iterator[str]:
    """Yield what no cloud offers. Raises `ValueError` for a date or range that is none."""
    if catalogue.cloud != cloud:
        yield f"it is of {catalogue.cloud!r:.60}"
    yield from _named(catalogue)
    for region in catalogue.regions:
        if not (-90 <= (region.latitude or 0) <= 90 and -180 <= (region.longitude or 0) <= 180):
            yield f"{region.name} is nowhere on earth"
    for size in catalogue.sizes:
        if not all(0 <= number < _LARGEST for number in (size.vcpus, size.memory_mib, size.disk_gib)):
            yield f"{size.name} has impossible figures"
        if size.disk_up_to and not (catalogue.own_disks and size.disk_gib <= size.disk_up_to < _LARGEST):
            yield f"{size.name} has no disk of its own that could be larger"
    for volume in catalogue.volumes:
        if not 1 <= volume.smallest_gib <= volume.largest_gib < _LARGEST:
            yield f"no volume of {volume.name} has a possible size"
    yield from (f"{price} is not a price" for price in _prices(catalogue) if not 0 <= price < _DEAREST)
    if not 0 <= catalogue.network_prefixes[0] <= catalogue.network_prefixes[1] <= 32:
        yield f"{catalogue.network_prefixes} are not prefixes"
    list(map(ip_network, catalogue.reserved_ranges))
    date.fromisoformat(catalogue.dated or "2000-01-01")


def _named(catalogue: Catalogue) -> Iterator[str]:
    """Yield names that a terminal should not see, that are missing, and that are there twice."""
    for text in _texts(msgspec.to_builtins(catalogue)):
        if not text.isprintable() or len(text) > _LONGEST:
            yield f"{text!r:.60} is not a name"
    for what, names in (
        ("region", [item.name for item in catalogue.regions]),
        ("size", [item.name for item in catalogue.sizes]),
    ):
        if len(set(names)) < len(names) or "" in names:
            yield f"a {what} has no name, or another's"


def _prices(catalogue: Catalogue) -> Iterator[Decimal]:
    """Yield every price; one that is no number as -1."""
    prices = catalogue.prices
    found = [prices.volume_gib, prices.load_balancer, prices.reserved_ip]
    for size in catalogue.sizes:
        found += [size.hourly, size.monthly, size.gib_monthly, *size.monthly_in.values()]
    found += [volume.gib_monthly for volume in catalogue.volumes]
    found += [balancer.monthly for balancer in catalogue.balancers]
    yield from (price if price.is_finite() else Decimal(-1) for price in found)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(key)
            yield from _texts(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _texts(item)


class Differences(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a catalogue: names that came and went, and sizes whose price is another one."""

    regions_added: tuple[str, ...] = ()
    regions_removed: tuple[str, ...] = ()
    sizes_added: tuple[str, ...] = ()
    sizes_removed: tuple[str, ...] = ()
    images_added: tuple[str, ...] = ()
    images_removed: tuple[str, ...] = ()
    prices: tuple[tuple[str, Decimal, Decimal], ...] = ()

    def __bool__(self) -> bool:
        return self != Differences()


def differences(old: Catalogue, new: Catalogue) -> Differences:
    """Compare two catalogues of a cloud. A price is the lowest there is, over all regions."""
    regions = [frozenset(item.name for item in one.regions if item.available) for one in (old, new)]
    sizes = [{item.name: item for item in one.sizes} for one in (old, new)]
    images = [frozenset(item.name for item in one.images) for one in (old, new)]
    prices = ((name, lowest(sizes[0][name]), lowest(sizes[1][name])) for name in sizes[0] if name in sizes[1])
    return Differences(
        regions_added=tuple(sorted(regions[1] - regions[0])),
        regions_removed=tuple(sorted(regions[0] - regions[1])),
        sizes_added=tuple(sorted(sizes[1].keys() - sizes[0].keys())),
        sizes_removed=tuple(sorted(sizes[0].keys() - sizes[1].keys())),
        images_added=tuple(sorted(images[1] - images[0])),
        images_removed=tuple(sorted(images[0] - images[1])),
        prices=tuple(sorted(item for item in prices if item[1] != item[2])),
    )


def lowest(size: SizeOffer) -> Decimal:
    """Return what a size costs a month where it is cheapest; 0 where nobody knows."""
    return min((size.monthly_at(region) for region in size.regions), default=size.monthly)
