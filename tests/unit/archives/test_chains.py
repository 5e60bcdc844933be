"""Incremental archives: the whole log from tip to root, and every parent the right one."""

import io
from collections.abc import Callable

import msgspec
import pytest

from kubisnap.archives import Access, Blob, Parent, chains
from kubisnap.archives.chains import MAX_LINKS, Chain, Finder, Found
from kubisnap.engine.errors import CorruptArchive, MissingParent, NotSigned, UnsupportedArchive, WrongKey
from kubisnap.engine.journal.codec import Codec
from tests.unit.archives.making import (
    BLOBS,
    IDENTITIES,
    RECIPIENTS,
    SECRETS,
    SIGNER,
    Made,
    events,
    header_of,
    log,
    made,
    stored,
)


def shelf(*archives: Made) -> Finder:
    """Find archives by their roots."""
    by_root = {archive.info.root: archive.data for archive in archives}

    def find(parent: Parent) -> Found | None:
        data = by_root.get(parent.root)
        return None if data is None else Found(parent.root.hex()[:8], lambda: io.BytesIO(data))

    return find


def always(archive: Made | bytes) -> Finder:
    data = archive if isinstance(archive, bytes) else archive.data
    return lambda _: Found("parent", lambda: io.BytesIO(data))


def chain_of(tip: Made, find: Finder = chains.nowhere, access: Access | None = None) -> Chain:
    return Chain(io.BytesIO(tip.data), name="tip", find=find, access=access)


def test_a_whole_archive_is_a_chain_of_one() -> None:
    whole = made(log(5), blobs=BLOBS, secrets=SECRETS)
    chain = chain_of(whole)
    assert tuple(chain.rows()) == whole.rows
    assert (chain.info, chain.links) == (whole.info, [whole.info])
    assert chain.blobs == {blob.digest: blob.label for blob in BLOBS}
    assert chain.omitted == tuple(secret.label for secret in SECRETS)


def test_the_whole_log_comes_in_order_and_the_links_the_newest_first() -> None:
    recorded = events(9)
    rows = stored(recorded)
    one = made(rows[:4], blobs=BLOBS[:1])
    two = made(rows[4:8], parent=one.parent, blobs=BLOBS, known={BLOBS[0].digest})
    three = made(rows[8:], parent=two.parent)
    assert list(chain_of(three, shelf(one, two)).rows()) == rows
    chain = chain_of(three, shelf(one, two))
    assert list(chain.events(Codec())) == recorded
    assert [link.root for link in chain.links] == [three.info.root, two.info.root, one.info.root]
    assert chain.blobs == {blob.digest: blob.label for blob in BLOBS}


def test_increments_without_events_are_links_all_the_same() -> None:
    one = made(log(2))
    two = made([], parent=one.parent, blobs=BLOBS[:1])
    three = made([], parent=two.parent)
    four = made(log(1, 3), parent=three.parent)
    chain = chain_of(four, shelf(one, two, three))
    assert list(chain.rows()) == log(3)
    assert len(chain.links) == 4


def test_secrets_are_no_part_of_the_log() -> None:
    private = made(log(2), secrets=SECRETS, recipients=RECIPIENTS)
    assert tuple(chain_of(private, access=Access(IDENTITIES)).rows()) == private.rows


def test_a_missing_parent_is_named() -> None:
    one = made(log(2))
    two = made(log(2, 3), parent=one.parent)
    three = made(log(2, 5), parent=two.parent)
    for tip, find, missing in (
        (two, chains.nowhere, one),
        (three, shelf(two), one),
        (three, shelf(one), two),
    ):
        with pytest.raises(MissingParent) as caught:
            list(chain_of(tip, find).rows())
        assert caught.value.parent == missing.info.digest
        assert caught.value.position == missing.info.header.position


WHOLE = made(log(2))


def _other_root() -> Made:
    return made([*log(1), log(2)[1]._replace(tag="Other")])


@pytest.mark.parametrize(
    "wrong",
    [
        _other_root,
        lambda: made(log(1)),
        lambda: made(log(3)),
        lambda: made(log(2), blobs=BLOBS),
        lambda: made(log(2), changed={"cluster_id": "f" * 32}),
        lambda: made(log(2, 3), parent=WHOLE.parent),
    ],
)
def test_an_archive_that_is_not_the_parent_is_refused(wrong: Callable[[], Made]) -> None:
    tip = made(log(2, 3), parent=WHOLE.parent)
    with pytest.raises((CorruptArchive, MissingParent, UnsupportedArchive)):
        list(chain_of(tip, always(wrong())).rows())


def test_a_parent_of_another_cluster_is_refused_though_the_root_is_right() -> None:
    other = made(log(2), changed={"cluster_id": "f" * 32})
    tip = made(log(2, 3), parent=other.parent)
    with pytest.raises(CorruptArchive, match="not the parent that it was taken for"):
        list(chain_of(tip, always(other)).rows())


def test_a_parent_that_ends_elsewhere_is_refused_though_the_root_is_right() -> None:
    tip = made(log(2, 4), parent=Parent(WHOLE.info.root, 3))
    with pytest.raises(CorruptArchive, match="not the parent that it was taken for"):
        list(chain_of(tip, always(WHOLE)).rows())


def test_a_damaged_parent_is_named_with_its_place() -> None:
    tip = made(log(2, 3), parent=WHOLE.parent)
    with pytest.raises(CorruptArchive) as caught:
        list(chain_of(tip, always(WHOLE.data[:-1])).rows())
    assert (caught.value.name, caught.value.intact) == ("parent", (1, 2))


def test_an_archive_that_is_offered_as_its_own_parent_again_and_again_ends() -> None:
    """No archive can name its own root; whoever hands it in as its parent is found at once."""
    tip = made(log(2, 3), parent=WHOLE.parent)
    asked: list[Parent] = []

    def itself(parent: Parent) -> Found:
        asked.append(parent)
        return Found("itself", lambda: io.BytesIO(tip.data))

    with pytest.raises(CorruptArchive, match="not the parent"):
        list(chain_of(tip, itself).rows())
    assert len(asked) == 1


def test_a_chain_of_the_longest_length_is_read_and_a_longer_one_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert MAX_LINKS == 1000
    monkeypatch.setattr(chains, "MAX_LINKS", 5)
    links = [made(log(1))]
    for n in range(2, 7):
        links.append(made(log(1, n), parent=links[-1].parent))
    assert list(chain_of(links[4], shelf(*links)).rows()) == log(5)
    with pytest.raises(UnsupportedArchive, match="a chain of more than 5"):
        list(chain_of(links[5], shelf(*links)).rows())


def test_a_thousand_links_are_read() -> None:
    links = [made(log(1))]
    for n in range(2, MAX_LINKS + 1):
        links.append(made(log(1, n), parent=links[-1].parent))
    assert list(chain_of(links[-1], shelf(*links)).rows()) == log(MAX_LINKS)


def test_what_is_asked_of_the_tip_is_asked_of_its_parents() -> None:
    signed = made(log(2, 3), parent=WHOLE.parent, sign_with=[SIGNER])
    with pytest.raises(NotSigned) as caught:
        list(chain_of(signed, shelf(WHOLE), Access(trusted=(SIGNER.public,), signed=True)).rows())
    assert caught.value.name == WHOLE.info.root.hex()[:8]
    private = made(log(2), recipients=RECIPIENTS)
    tip = made(log(2, 3), parent=private.parent)
    with pytest.raises(WrongKey):
        list(chain_of(tip, shelf(private)).rows())
    assert list(chain_of(tip, shelf(private), Access(IDENTITIES)).rows()) == log(4)


def test_parents_are_closed_again() -> None:
    one = made(log(2))
    two = made(log(2, 3), parent=one.parent)
    three = made(log(2, 5), parent=two.parent)
    opened: list[io.BytesIO] = []
    find = shelf(one, two)

    def noting(parent: Parent) -> Found | None:
        found = find(parent)
        assert found is not None

        def open_it() -> io.BytesIO:
            opened.append(io.BytesIO(found.open().read()))
            return opened[-1]

        return Found(found.name, open_it)

    list(chain_of(three, noting).rows())
    assert [source.closed for source in opened] == [True, True]


def test_the_newest_archive_says_what_was_left_out() -> None:
    one = made(log(2), secrets=SECRETS)
    two = made(log(2, 3), parent=one.parent, secrets=SECRETS[:1])
    chain = chain_of(two, shelf(one))
    list(chain.rows())
    assert chain.omitted == (SECRETS[0].label,)


def test_a_header_that_names_a_parent_and_begins_elsewhere_is_none() -> None:
    header = header_of(log(2, 3), WHOLE.parent)
    for first in (1, 2, 4):
        from kubisnap.archives.format import Malformed, encode_header

        with pytest.raises(Malformed):
            encode_header(msgspec.structs.replace(header, first=first))


def test_a_blob_keeps_the_label_that_the_newest_archive_gives_it() -> None:
    one = made(log(2), blobs=[Blob("old", b"x")])
    two = made(log(2, 3), parent=one.parent, blobs=[Blob("new", b"x")])
    chain = chain_of(two, shelf(one))
    list(chain.rows())
    assert list(chain.blobs.values()) == ["new"]
