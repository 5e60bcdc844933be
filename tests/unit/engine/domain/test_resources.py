"""Names at a cloud are made from logical names, and lead back to them and to no others."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubisnap.engine.domain.model import Role
from kubisnap.engine.domain.places import PLACES, distance_km
from kubisnap.engine.domain.resources import (
    ClusterRef,
    Key,
    Kind,
    Request,
    Tag,
    kind_of,
    logical_name,
    provider_name,
)
from kubisnap.engine.domain.validation import LONGEST_NAME
from tests.unit.engine.examples import CLUSTER

names = st.from_regex(r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?", fullmatch=True)
clusters = st.builds(ClusterRef, id=st.from_regex(r"[0-9a-f]{32}", fullmatch=True), name=names)
ROLE_TAGS = ("cluster", *(role.value for role in Role))


@given(clusters, st.sampled_from([kind for kind in Kind if kind is not Kind.TAG]), names)
def test_a_name_at_the_cloud_leads_back_to_the_logical_name(
    cluster: ClusterRef, kind: Kind, name: str
) -> None:
    made = provider_name(cluster, Key(kind, name))

    assert logical_name(cluster, kind, made) == name
    assert len(made) <= LONGEST_NAME


@given(clusters, st.sampled_from(ROLE_TAGS))
def test_a_tag_leads_back_to_what_it_marks(cluster: ClusterRef, name: str) -> None:
    assert logical_name(cluster, Kind.TAG, provider_name(cluster, Key(Kind.TAG, name))) == name


@given(
    clusters,
    st.sampled_from(list(Kind)),
    st.text(max_size=30) | names.map(lambda name: f"kubisnap-7f3a9c21-{name}"),
)
def test_what_is_taken_for_ours_has_exactly_the_name_that_we_would_give(
    cluster: ClusterRef, kind: Kind, found: str
) -> None:
    name = logical_name(cluster, kind, found)

    assert name is None or provider_name(cluster, Key(kind, name)) == found


@given(clusters, clusters, st.sampled_from(list(Kind)), st.sampled_from(ROLE_TAGS))
def test_another_clusters_names_are_not_ours(
    one: ClusterRef, other: ClusterRef, kind: Kind, name: str
) -> None:
    if one.short != other.short:
        assert logical_name(one, kind, provider_name(other, Key(kind, name))) is None


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Kind.SERVER, "web-7f3a9c21"),
        (Kind.SERVER, "web--7f3a9c21"),
        (Kind.SERVER, "web-x-7f3a9c2"),
        (Kind.SERVER, "shop-x-7f3a9c21"),
        (Kind.SERVER, ""),
        (Kind.TAG, "kubisnap-7f3a9c21-"),
        (Kind.TAG, "kubisnap-7f3a9c21-cluster"),
        (Kind.TAG, "kubisnap-7f3a9c210"),
        (Kind.TAG, "7f3a9c21"),
    ],
)
def test_these_names_are_not_ours(kind: Kind, name: str) -> None:
    assert logical_name(CLUSTER, kind, name) is None


def test_a_request_knows_the_tags_of_its_cluster() -> None:
    request = Request(cluster=CLUSTER, key=Key(Kind.TAG, "cluster"), resource=Tag(), name="x", ids={})

    assert request.tag() == "kubisnap-7f3a9c21"
    assert request.tag(Role.WORKER) == "kubisnap-7f3a9c21-worker"
    assert kind_of(Tag()) is Kind.TAG
    assert str(Key(Kind.SERVER, "workers-0")) == "server/workers-0"


def test_every_place_is_on_the_earth_and_near_itself() -> None:
    for latitude, longitude in PLACES.values():
        assert -60 < latitude < 70
        assert -180 < longitude < 180
        assert distance_km((latitude, longitude), (latitude, longitude)) == 0


def test_distances_are_those_of_the_globe_also_across_the_date_line() -> None:
    assert round(distance_km((0, 179), (0, -179))) == 222
    assert round(distance_km((90, 0), (-90, 77))) == 20015
    assert distance_km((51.5, -0.1), (40.7, -74.0)) == pytest.approx(5570, rel=0.01)
