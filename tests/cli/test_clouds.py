"""What is known of clouds: shipped, asked for and kept; damaged files are told and harm no restore."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from kubisnap.adapters.registry import shipped_catalogue
from kubisnap.cli import catalogues, wiring
from kubisnap.engine.domain.catalogue import Catalogue
from kubisnap.engine.domain.catalogues import write_catalogue

if TYPE_CHECKING:
    from kubisnap.adapters.digitalocean.simulator import DigitalOceanSimulator

    from .conftest import Desk


def kept(cloud: str) -> Path:
    return wiring.data_folder() / "catalogues" / f"{cloud}.json"


def sandbox() -> Catalogue:
    found = shipped_catalogue("sandbox")
    assert found is not None
    return found


def keep(found: Catalogue) -> None:
    path = kept(found.cloud)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(write_catalogue(found))


def source_of(desk: "Desk", cloud: str) -> str:
    rows = json.loads(desk.ok("clouds -o json").out)["clouds"]
    (found,) = (row["source"] for row in rows if row["cloud"] == cloud)
    return str(found)


def test_what_a_cloud_says_is_kept_for_its_owner_only_and_goes_before_what_was_shipped(desk: "Desk") -> None:
    assert source_of(desk, "sandbox") == "shipped"

    desk.ok("clouds refresh sandbox")

    assert source_of(desk, "sandbox") == "refreshed"
    assert kept("sandbox").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in kept("sandbox").parent.iterdir()] == ["sandbox.json"]


def test_what_was_kept_long_ago_does_not_hide_what_a_newer_version_ships(desk: "Desk") -> None:
    keep(msgspec.structs.replace(sandbox(), dated="2020-01-01"))

    assert source_of(desk, "sandbox") == "shipped"


def test_refreshing_says_what_changed(desk: "Desk") -> None:
    found = sandbox()
    cheap = msgspec.structs.replace(found.sizes[0], monthly=found.sizes[0].monthly - 1)
    gone = msgspec.structs.replace(found.sizes[1], name="sb-old")
    keep(msgspec.structs.replace(found, sizes=(cheap, gone, *found.sizes[2:]), images=found.images[1:]))

    assert desk.ok("clouds refresh sandbox").out == (
        "sandbox: 6 regions, 13 sizes, 4 images\n"
        "  + size sb-1x2\n"
        "  - size sb-old\n"
        "  + image sim-ubuntu-22.04\n"
        "  ~ size sb-1x1 $5.00 → $6.00 a month\n"
    )
    assert desk.ok("clouds refresh sandbox").out.endswith("images, as before\n")


def test_clouds_whose_credentials_are_not_there_are_named_and_the_others_refreshed(
    desk: "Desk", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogues, "clouds", lambda: ("digitalocean", "sandbox"))
    done = desk.ok("clouds refresh")

    assert done.out.startswith("digitalocean: not refreshed: ")
    assert "sandbox: 6 regions" in done.out
    assert desk.run("clouds refresh digitalocean").status == 4


def test_a_damaged_file_is_told_with_the_way_to_a_new_one(desk: "Desk") -> None:
    desk.ok("clouds refresh sandbox")
    kept("sandbox").write_bytes(b'{"cloud": "sandbox"}')

    done = desk.run("clouds")
    assert done.status == 2
    assert "not a catalogue of sandbox" in done.err
    assert "hint: kubisnap clouds refresh sandbox" in done.err


def test_a_damaged_file_is_replaced_by_refreshing(desk: "Desk") -> None:
    desk.ok("clouds refresh sandbox")
    kept("sandbox").write_bytes(b"{}")

    desk.ok("clouds refresh sandbox")
    assert source_of(desk, "sandbox") == "refreshed"


def test_what_it_costs_where_a_cluster_comes_from_is_told_without_asking_there(
    desk: "Desk", ocean: "DigitalOceanSimulator"
) -> None:
    desk.ok("create web --cloud sandbox --yes")
    line = "fork web --as far --on digitalocean:frankfurt --dry-run"
    told = desk.ok(line).out
    assert "cost: $" in told
    assert told.rstrip().endswith("; $42.00/month where it comes from")
    cost = json.loads(desk.ok(f"{line} -o json").out)["translation"]["source_cost"]
    assert cost["monthly_usd"] == "42.00"

    desk.ok("clouds refresh sandbox")
    kept("sandbox").write_bytes(b"{}")
    done = desk.ok(line)
    assert "where it comes from" not in done.out
    assert "note: what it costs where it comes from is not known: " in done.err


def test_sizes_and_regions_are_found_over_all_clouds(desk: "Desk") -> None:
    sizes = json.loads(desk.ok("clouds sizes --vcpu 2 --memory 4GiB -n 0 -o json").out)["sizes"]
    regions = json.loads(desk.ok("clouds regions --near london -n 0 -o json").out)["regions"]

    assert {"sandbox", "digitalocean"} <= {row["cloud"] for row in sizes}
    prices = [float(row["monthly_usd"] or "inf") for row in sizes]
    assert prices == sorted(prices)
    assert all(row["vcpus"] >= 2 and row["memory_mib"] >= 4096 for row in sizes)
    near = [row["km"] for row in regions if row["km"] is not None]
    assert near == sorted(near)
    assert near[0] < 50


def test_an_option_before_the_second_word_is_the_second_commands(desk: "Desk") -> None:
    document = json.loads(desk.ok("clouds -o json sizes -n 1").out)

    assert document["kind"] == "Sizes"
