"""The inventory: what it may say, and where each mistake stands."""

import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from kubisnap.adapters import hosts
from kubisnap.adapters.hosts.inventory import MAX_HOSTS, Inventory, load, parse
from kubisnap.engine.domain.catalogue import Region
from kubisnap.engine.domain.marked import MAX_BYTES
from kubisnap.engine.domain.model import Role
from kubisnap.engine.errors import Denied, InvalidInput

DOCUMENT = Path(__file__).parents[4] / "docs" / "hosts.md"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBERERERERERERERERERERERERERERERERERERERERER"


def read(text: str) -> Inventory:
    return parse(dedent(text), name="hosts.yaml")


def test_the_example_in_the_documentation_is_an_inventory() -> None:
    [example] = re.findall(r"```yaml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL)

    inventory = parse(example, name="hosts.yaml")

    assert inventory.name == "rack-7"
    assert [host.site for host in inventory.hosts] == ["frankfurt", "frankfurt", "attic"]
    assert inventory.hosts[0].roles == {Role.CONTROL_PLANE}
    assert inventory.hosts[0].pinned is not None


def test_hosts_have_what_the_defaults_say_unless_they_say_otherwise() -> None:
    inventory = read(
        """
        name: rack
        defaults: {user: ops, port: 2222, identity: key, site: cellar, claims: /srv/claims}
        hosts:
          - {name: a, address: 10.0.0.1}
          - {name: b, address: B.example.com, port: 22, user: root, identity: other, site: attic, claims: ~/c}
        """
    )

    a, b = inventory.hosts
    assert (a.user, a.port, a.identity, a.site, a.claims) == ("ops", 2222, "key", "cellar", "/srv/claims")
    assert (b.user, b.port, b.identity, b.site, b.claims) == ("root", 22, "other", "attic", "~/c")
    assert b.address == "b.example.com"
    assert inventory.trust == "recorded"
    assert all(a.takes(role) for role in Role)


def test_sites_are_regions_near_a_place_or_at_coordinates_or_nobody_knows_where() -> None:
    inventory = read(
        """
        name: rack
        sites: {a: london, b: {place: tokyo}, c: {latitude: 1.5, longitude: -2.5}}
        defaults: {user: ops}
        hosts:
          - {name: x, address: 10.0.0.1, site: c}
          - {name: y, address: 10.0.0.2, site: a}
          - {name: z, address: 10.0.0.3}
        """
    )

    assert list(inventory.regions()) == [
        Region(name="c", title="c", latitude=1.5, longitude=-2.5),
        Region(name="a", title="a (near london)", latitude=51.5, longitude=-0.1),
        Region(name="default", title="default"),
    ]


@pytest.mark.parametrize(
    ("line", "marked", "problem"),
    [
        ("{name: a, address: 10.0.0.9}", "a,", "hosts[1].name: 'a' is the name of hosts[0], too"),
        ("{name: b, address: 10.0.0.1}", "10", "address: '10.0.0.1' is the address of hosts[0], too"),
        ("{name: b, address: '::1', adress: x}", "x", "adress: there is no such field"),
        ("{name: B, address: b}", "B", "'B' is not a name"),
        ("{name: b}", "{", "hosts[1].address: is missing"),
        ("{name: b, address: 'a b'}", "'a", "neither a host name nor an IP address"),
        ("{name: b, address: -oProxyCommand=x}", "-o", "neither a host name nor an IP address"),
        ("{name: b, address: b, port: 0}", "0", "port"),
        ("{name: b, address: b, port: '22'}", "'22", "expected `int"),
        ("{name: b, address: b, user: 'a b'}", "'a", "is not a user's name"),
        ("{name: b, address: b, roles: [boss]}", "boss", "boss"),
        ("{name: b, address: b, host_key: ssh-ed25519}", "ssh-ed25519", "not a public key"),
        ("{name: b, address: b, claims: relative}", "relative", "is not a folder"),
        ("{name: b, address: b, claims: /srv/../etc}", "/srv", "is not a folder"),
        ("{name: b, address: b, site: nowhere}", "nowhere", "'nowhere' is not among the sites: home"),
        (f"{{name: b, address: b, host_key: {KEY}}}", "ssh-ed", "is the key of hosts[0], too"),
        ("{name: b, address: b, password: x}", "x", "password: there is no such field"),
    ],
)
def test_a_mistake_is_told_with_its_place(line: str, marked: str, problem: str) -> None:
    text = f"""\
name: rack
sites: {{home: london}}
defaults: {{user: ops, site: home}}
hosts:
  - {{name: a, address: 10.0.0.1, host_key: {KEY}}}
  - {line}
"""

    with pytest.raises(InvalidInput) as caught:
        read(text)

    assert problem in str(caught.value)
    assert caught.value.where == f"hosts.yaml:6:{5 + line.index(marked)}"
    assert "docs/hosts.md" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "an inventory is a mapping"),
        ("name: x\nhosts: []", "hosts: at least one is needed"),
        ("name: x y\nhosts: [{name: a, address: a, user: a}]", "hosts.yaml:1:7: name: 'x y' is not a name"),
        ("name: x\nhosts: [{name: a, address: a}]", "hosts.yaml:2:9: hosts[0]: which user?"),
        ("name: x\ntrust: always\nhosts: []", "hosts.yaml:2:8: trust"),
        ("name: x\nname: y", "name: is there twice"),
        ("name: x\nsites: {a: mordor}\nhosts: [{name: a, address: a, user: a}]", "unknown place 'mordor'"),
        ("name: x\nsites: {a: {latitude: 1}}\nhosts: [{name: a, address: a, user: a}]", "go together"),
        ("name: x\nsites: {a: {latitude: 91, longitude: 1}}\nhosts: []", "<= 90"),
        ("name: x\nsites: {a: {}}\nhosts: [{name: a, address: a, user: a}]", "write a place"),
        (f"name: x\nhosts: [{','.join(['{}'] * (MAX_HOSTS + 1))}]", f"more than {MAX_HOSTS}"),
        (f"name: {'x' * MAX_BYTES}", "longer than"),
    ],
)
def test_an_inventory_that_makes_no_sense_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(problem)):
        parse(text, name="hosts.yaml")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        load(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: \xe9")
    with pytest.raises(InvalidInput, match="not text in UTF-8"):
        load(tmp_path / "latin.yaml")


def test_without_an_inventory_nothing_opens() -> None:
    with pytest.raises(Denied) as caught:
        hosts.factory({})
    assert "KUBISNAP_HOSTS" in caught.value.hint


def test_opening_an_inventory_loads_no_paramiko(tmp_path: Path) -> None:
    path = tmp_path / "hosts.yaml"
    path.write_text("name: x\nhosts: [{name: a, address: a, user: a}]", encoding="utf-8")
    script = (
        "import sys; from kubisnap.adapters import hosts; "
        f"hosts.factory({{'KUBISNAP_HOSTS': {str(path)!r}}}); assert 'paramiko' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", script], check=True)
