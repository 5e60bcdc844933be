"""The catalogues that come with adapters are what the script writes, and each is read like any other."""

import importlib.util
import sys
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from kubisnap.adapters import registry
from kubisnap.adapters.digitalocean.adapter import DigitalOcean
from kubisnap.adapters.registry import clouds, shipped_catalogue
from kubisnap.adapters.sandbox.catalogue import CATALOGUE as SANDBOX
from kubisnap.engine.domain.catalogues import write_catalogue
from kubisnap.engine.errors import InvalidInput

ROOT = Path(__file__).parents[3]


def test_the_files_are_what_the_script_writes() -> None:
    """Made by ``python docs/make_catalogues.py``; never edited by hand."""
    spec = importlib.util.spec_from_file_location("make_catalogues", ROOT / "docs/make_catalogues.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)

    for path, content in script.catalogues().items():
        assert path.read_bytes() == content, path.name


@pytest.mark.parametrize("name", clouds())
def test_what_is_shipped_makes_sense(name: str) -> None:
    found = shipped_catalogue(name)
    if found is None:
        return
    known = {region.name for region in found.regions}
    assert found.dated
    assert all(size.regions <= known and size.regions for size in found.sizes)
    assert all(image.os and image.regions <= known for image in found.images)
    assert all(region.latitude is not None and region.longitude is not None for region in found.regions)


def test_what_is_shipped_for_the_sandbox_and_for_digitalocean_is_what_they_say_of_themselves() -> None:
    ocean = shipped_catalogue("digitalocean")

    assert shipped_catalogue("sandbox") == SANDBOX
    assert ocean is not None
    assert ocean.kinds == frozenset(DigitalOcean("a-token")._families)


def test_an_unknown_cloud_ships_nothing() -> None:
    assert shipped_catalogue("cumulus") is None


@pytest.mark.parametrize("module", ["theirs", "theirs.adapter"])
def test_other_packages_ship_theirs_beside_the_function_that_opens_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    package = tmp_path / "theirs"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "adapter.py").write_text("")
    (package / "catalogue.json").write_bytes(write_catalogue(SANDBOX))
    monkeypatch.syspath_prepend(tmp_path)
    points = [EntryPoint(name="sandbox", value=f"{module}:factory", group=registry.GROUP)]
    monkeypatch.setattr(registry, "entry_points", lambda **_: points)
    try:
        assert shipped_catalogue("sandbox") == SANDBOX
        (package / "catalogue.json").write_bytes(b"{}")
        with pytest.raises(InvalidInput, match=f"{module}/catalogue.json: not a catalogue of sandbox"):
            shipped_catalogue("sandbox")
        (package / "catalogue.json").unlink()
        assert shipped_catalogue("sandbox") is None
    finally:
        for name in ("theirs", "theirs.adapter"):
            sys.modules.pop(name, None)
