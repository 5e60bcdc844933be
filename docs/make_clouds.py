# ruff: noqa: INP001 - a script, not a package
"""Writes docs/clouds.md from what the adapters say about themselves: ``python docs/make_clouds.py``.

Adapters' `ABOUT` are compared with their catalogues by tests, and the page with this script: so it says
what is so. What a plan tells of a cluster is what `kubisnap plan` would.
"""

import textwrap
from collections.abc import Iterable
from pathlib import Path

import msgspec

from kubisnap.adapters.about import About
from kubisnap.adapters.registry import about
from kubisnap.engine.domain.catalogue import Catalogue, Feature
from kubisnap.engine.domain.manifest import load
from kubisnap.engine.domain.model import ClusterSpec, Forward, ForwardProtocol, SshKeySpec
from kubisnap.engine.domain.resources import Kind
from kubisnap.engine.operations.translation import lacking

CLOUDS = ("digitalocean", "aws", "openstack", "hetzner", "hosts", "sandbox")

_HERE = Path(__file__).parent
_WIDTH = 120

_HEAD = """\
# Clouds

<!-- Written by docs/make_clouds.py from what the adapters say. Do not edit. -->

`kubisnap clouds` lists those that are installed, `kubisnap clouds sizes` what they offer. What a cloud cannot
do is left out of plans, and plans say so; `--strict` refuses that. A cloud of your own:
[adapters.md](adapters.md).

Nothing here was tried at a provider: the tests of each adapter talk to a server on their own machine, and its
section says whose. To try one at its provider, with an account of yours:
[the contract](adapters.md#the-contract).
"""

_KINDS = """\
## What they have
"""

_ABILITIES = """\
## What else they can do
"""

_FEATURES = {
    Feature.NEW_SERVERS: "servers are made",
    Feature.PUBLIC_ADDRESSES: "servers have public addresses",
    Feature.USER_DATA: "a script runs at first boot",
    Feature.MANY_SSH_KEYS: "any number of SSH keys",
    Feature.FILTERS_WITHIN: "firewalls hold between servers",
    Feature.HTTP: "load balancers speak HTTP",
}


def page() -> str:
    """Return the page. Raises KeyError for a cloud without an `ABOUT`."""
    told = {name: found for name in CLOUDS if (found := about(name)) is not None}
    parts = [_HEAD, _KINDS, _kinds(told), _ABILITIES, _abilities(told)]
    parts += [_section(name, told[name]) for name in CLOUDS]
    return "\n".join(parts)


def everything() -> ClusterSpec:
    """Return the cluster with all fields, with a second SSH key and HTTP behind its load balancer."""
    text = (_HERE / "cluster-yaml.md").read_text(encoding="utf-8")
    block = text.partition("<!-- example: all fields -->\n```yaml\n")[2].partition("```")[0]
    spec = load(block, name="cluster.yaml", read_file=str).spec
    [key], [balancer] = spec.ssh_keys, spec.load_balancers
    forward = (Forward(port=80, target_port=30080, protocol=ForwardProtocol.HTTP), *balancer.forward[1:])
    return msgspec.structs.replace(
        spec,
        ssh_keys=(key, SshKeySpec(name="deploy", public_key=key.public_key)),
        load_balancers=(msgspec.structs.replace(balancer, forward=forward),),
    )


def _kinds(told: dict[str, About]) -> str:
    return _table(
        told,
        (
            (f"`{kind}`", [_has(one, kind) for one in told.values()])
            for kind in Kind
            if any(kind in one.kinds or kind in one.perhaps for one in told.values())
        ),
    )


def _has(one: About, kind: Kind) -> str:
    if kind in one.perhaps:
        return one.perhaps[kind]
    if kind not in one.kinds:
        return "–"
    return "yes, no name" if kind in one.nameless else "yes"


def _abilities(told: dict[str, About]) -> str:
    rows = [
        (f"{title} (`{feature}`)", [_yes(feature in one.features) for one in told.values()])
        for feature, title in _FEATURES.items()
    ]
    rows += [
        ("servers and load balancers need a subnet", [_yes(one.subnet_needed) for one in told.values()]),
        ("firewalls are parts of a network", [_yes(one.groups_in_network) for one in told.values()]),
        ("SSH keys belong to a region", [_yes(one.keys_in_region) for one in told.values()]),
        ("networks", [_prefixes(one) for one in told.values()]),
        ("smallest volume", [_gib(one.smallest_volume) for one in told.values()]),
        ("architectures", [", ".join(sorted(one.architectures, reverse=True)) for one in told.values()]),
        ("prices are known", [_yes(one.priced) for one in told.values()]),
        ("needs", [f"`kubisnap[{one.extra}]`" if one.extra else "–" for one in told.values()]),
    ]
    return _table(told, rows)


def _yes(holds: bool) -> str:
    return "yes" if holds else "–"


def _prefixes(one: About) -> str:
    return f"/{one.networks[0]} to /{one.networks[1]}" if one.networks else "–"


def _gib(size: int) -> str:
    return f"{size} GiB" if size else "–"


def _table(told: dict[str, About], rows: Iterable[tuple[str, list[str]]]) -> str:
    head = [f"| | {' | '.join(told)} |", f"|---|{'---|' * len(told)}"]
    return "\n".join([*head, *(f"| {title} | {' | '.join(cells)} |" for title, cells in rows), ""])


def _section(name: str, one: About) -> str:
    needs = f" Needs `pip install 'kubisnap[{one.extra}]'`." if one.extra else ""
    settings = [
        f"| `{item.name}` | {item.meaning}{' (secret)' if item.secret else ''} |" for item in one.settings
    ]
    parts = [
        f"## {one.title}",
        f"`--cloud {name}`.{needs}",
        "\n".join(["| variable | for |", "|---|---|", *settings]),
        _filled(f"**Least privileges.** {one.privileges}"),
        _filled(f"**How it was tested.** {one.tested}"),
        "**What it cannot do, and what follows.**",
        "\n".join(_filled(f"- {note}", indent="  ") for note in (*_losses(name, one), *one.cannot)),
    ]
    return "\n\n".join(parts) + "\n"


def _filled(text: str, indent: str = "") -> str:
    return textwrap.fill(
        text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _losses(name: str, one: About) -> list[str]:
    """Return what a plan says of a cluster that has everything, where the cloud has all that it may have."""
    catalogue = Catalogue(
        cloud=name,
        regions=(),
        sizes=(),
        images=(),
        kinds=one.kinds | one.perhaps.keys(),
        features=one.features,
    )
    return [f"A plan says: “{loss}”." for loss in lacking(everything(), catalogue)]


if __name__ == "__main__":
    (_HERE / "clouds.md").write_text(page(), encoding="utf-8")
