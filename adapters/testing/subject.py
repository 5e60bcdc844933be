"""What the plugin was told to test: an adapter by its entry point, what to ask it for, which settings.

Knows the registry, the catalogue and the environment; knows no pytest.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from ...engine.domain.catalogue import Catalogue, ImageOffer, SizeOffer
from ...engine.domain.resources import Kind
from ...engine.errors import InvalidInput, Refused
from ...engine.ports import Cloud
from ..registry import about, open_cloud

OTHER = "KUBISNAP_OTHER_"
"""Before a setting's name: what the setting is for a second account."""
WRONG = "KUBISNAP_WRONG_"
"""What it is for credentials that open nothing."""
UNREACHABLE = "KUBISNAP_UNREACHABLE_"
"""What it is where no cloud answers."""

PREFIXES = (OTHER, WRONG, UNREACHABLE)
_AT_ONCE = 33
_SHORTEST_SECRET = 4


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What was asked for on the command line; empty: the catalogue decides.

    `secrets` are names of settings, more than those that the adapter's `ABOUT` calls secret.
    """

    cloud: str
    region: str = ""
    size: str = ""
    image: str = ""
    many: int | None = None
    unique: frozenset[Kind] = frozenset()
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Subject:
    """An adapter that is there, and everything that the contract needs to know of it."""

    wanted: Wanted
    settings: Mapping[str, str]
    account: str
    catalogue: Catalogue
    offer: tuple[str, str, str]
    many: int

    @property
    def secrets(self) -> tuple[str, ...]:
        """Return the credentials in use, which no error may show."""
        told = about(self.wanted.cloud)
        secret = [setting.name for setting in told.settings if setting.secret] if told else []
        names = [prefix + name for name in (*secret, *self.wanted.secrets) for prefix in ("", *PREFIXES)]
        values = {self.settings.get(name, "").strip() for name in names}
        return tuple(sorted(value for value in values if len(value) >= _SHORTEST_SECRET))

    def knows(self, prefix: str) -> bool:
        """Return whether any setting has another value for this purpose."""
        return any(name.startswith(prefix) and value for name, value in self.settings.items())

    @contextmanager
    def opened(self, prefix: str = "") -> Iterator[Cloud]:
        """Open the cloud, with the settings of that purpose in the places of the ordinary ones."""
        others = {
            name.removeprefix(prefix): value
            for name, value in self.settings.items()
            if prefix and name.startswith(prefix)
        }
        cloud = open_cloud(self.wanted.cloud, {**self.settings, **others})
        yield cloud
        cloud.close()


def look(wanted: Wanted, settings: Mapping[str, str], *, agreed: bool) -> Subject:
    """Ask the cloud what it is and has; nothing is made.

    Raises `InvalidInput` for a cloud, region, size or image that there is not, `Refused` where it is
    no simulation and nobody `agreed`, and whatever the adapter does.
    """
    cloud = open_cloud(wanted.cloud, settings, field="--kubisnap-cloud")
    try:
        account, catalogue = cloud.account().title, cloud.catalogue()
        offer = chosen(catalogue, wanted)
        room = cloud.allowance(offer[0]).rooms.get(Kind.SERVER)
    finally:
        cloud.close()
    most = _AT_ONCE if room is None else min(_AT_ONCE, room.left)
    many = most if wanted.many is None else wanted.many
    if not (agreed or catalogue.simulated):
        raise Refused(
            f"{wanted.cloud} is real: in {offer[0]}, at {account}, the suite would make about a hundred "
            f"servers of size {offer[1]}, {many} of them at once, and networks, volumes, load balancers "
            "and addresses as there are, and remove them again; that costs money",
            advice="add --kubisnap-yes to let it, best with an account that holds nothing else",
        )
    return Subject(
        wanted=wanted, settings=settings, account=account, catalogue=catalogue, offer=offer, many=many
    )


def chosen(catalogue: Catalogue, wanted: Wanted) -> tuple[str, str, str]:
    """Return region, size and image: as wanted, and the cheapest where nothing was."""
    named = (
        ("region", wanted.region, [region.name for region in catalogue.regions]),
        ("size", wanted.size, [size.name for size in catalogue.sizes]),
        ("image", wanted.image, [image.name for image in catalogue.images]),
    )
    for what, name, there in named:
        if name and name not in there:
            raise InvalidInput(
                f"--kubisnap-{what}", f"there is no {what} {name!r}", advice=f"some: {', '.join(there[:10])}"
            )
    offers = [
        (size.monthly_at(region.name), region.name, size.name, image.name)
        for region in catalogue.regions
        for size in catalogue.sizes
        for image in catalogue.images
        if wanted.region == region.name or (not wanted.region and region.available)
        if wanted.size in {"", size.name} and wanted.image in {"", image.name}
        if _fit(region.name, size, image)
    ]
    if not offers:
        asked = " ".join(name for _, name, _ in named if name) or "any region"
        raise InvalidInput(
            "--kubisnap-region", f"no size and no image that fit together are on offer ({asked})"
        )
    _, *offer = min(offers)
    region, size, image = offer
    return region, size, image


def _fit(region: str, size: SizeOffer, image: ImageOffer) -> bool:
    return region in size.regions & image.regions and size.architecture in image.architectures
