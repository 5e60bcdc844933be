"""An increment with no new events: nothing happened since, or blobs only."""

import struct

import pytest

from kubisnap.archives import Access
from kubisnap.engine.errors import CorruptArchive
from tests.unit.archives.forging import Forge
from tests.unit.archives.making import BLOBS, header_of, log, made, read, sought, verified


def test_an_increment_without_events_is_read_back() -> None:
    whole = made(log(2))
    nothing = made([], parent=whole.parent)
    assert read(nothing.data, Access()).rows == ()
    assert verified(nothing.data, Access()) == nothing.info
    assert sought(nothing.data, Access()).info == nothing.info
    assert sought(nothing.data, Access()).entries() == []


def test_an_increment_of_blobs_alone_is_read_back() -> None:
    whole = made(log(2))
    grown = made([], parent=whole.parent, blobs=BLOBS)
    assert read(grown.data, Access()).blobs == BLOBS
    assert sought(grown.data, Access()).info == grown.info


def test_where_there_are_no_events_there_are_no_times() -> None:
    header = header_of([], made(log(2)).parent)
    with pytest.raises(CorruptArchive, match="the manifest does not agree"):
        verified(Forge(header).close(manifest={"last_time": 1}), Access())


def test_records_without_an_index_are_refused() -> None:
    header = header_of(log(2))
    with pytest.raises(CorruptArchive, match="the index does not agree"):
        verified(Forge(header).events(log(2)).close(parts=lambda _: []), Access())


def test_an_archive_of_a_footer_alone_is_refused() -> None:
    forge = Forge(header_of(log(2)))
    forge.footer(b"", None, None, ())
    with pytest.raises(CorruptArchive, match="the archive has no manifest"):
        verified(forge.data + struct.pack("<QQ32s8s", 0, 0, forge.chain, b"KSNPEND\n"), Access())
