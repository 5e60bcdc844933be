"""The tree is RFC 6962's, and a leaf is nothing else's hash."""

import hashlib

import pytest

from kubisnap.archives import merkle


def tree_of_the_rfc(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it stands there."""
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + tree_of_the_rfc(leaves[:k]) + tree_of_the_rfc(leaves[k:])).digest()


@pytest.mark.parametrize("count", [*range(1, 34), 1000])
def test_the_root_is_that_of_the_rfc(count: int) -> None:
    leaves = [merkle.leaf(1, n.to_bytes(4)) for n in range(count)]
    assert merkle.root(leaves) == tree_of_the_rfc(leaves)


def test_a_leaf_names_the_kind_of_its_record() -> None:
    assert merkle.leaf(1, b"x") == hashlib.sha256(b"\x00\x01x").digest()
    assert merkle.leaf(1, b"x") != merkle.leaf(2, b"x")


def test_labels_and_digests_of_a_pack_have_one_reading() -> None:
    digest = bytes(32)
    ways = [
        [("ab", digest), ("c", digest)],
        [("a", digest), ("bc", digest)],
        [("abc", digest)],
        [("c", digest), ("ab", digest)],
        [],
    ]
    assert len({merkle.leaf_of_blobs(2, way) for way in ways}) == len(ways)
    body = b"\x00\x02\x00\x02ab" + digest + b"\x00\x01c" + digest
    assert merkle.leaf_of_blobs(2, ways[0]) == hashlib.sha256(body).digest()


def test_the_first_leaf_says_whose_contents_and_from_where() -> None:
    whole = merkle.start_leaf("ab" * 16, 1, None)
    assert whole == hashlib.sha256(b"\x00\x00" + b"\xab" * 16 + bytes(7) + b"\x01").digest()
    others = {
        whole,
        merkle.start_leaf("ab" * 16, 2, bytes(32)),
        merkle.start_leaf("ab" * 16, 2, b"\x01" + bytes(31)),
        merkle.start_leaf("ab" * 15 + "cd", 1, None),
    }
    assert len(others) == 4
