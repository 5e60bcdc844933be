"""Whatever it is sent, the simulator answers, and never with a mistake of its own."""

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubisnap.adapters.digitalocean.simulator.api import OPERATIONS, Api
from kubisnap.adapters.digitalocean.simulator.wire import Answer
from kubisnap.adapters.digitalocean.simulator.world import Timing, World
from kubisnap.adapters.simulation.serving import RawRequest

RULE = {"protocol": "tcp", "ports": "22", "sources": {"addresses": ["10.0.0.0/8"]}}
FORWARD = {"entry_protocol": "http", "entry_port": 80, "target_protocol": "http", "target_port": 80}
FIELDS: dict[str, list[object]] = {
    "name": ["one", "node-1", "a b", "data"],
    "names": [["a", "b"], ["a"] * 11],
    "region": ["fra1", "ams3", "nyc2", {"slug": "fra1"}],
    "size": ["s-1vcpu-1gb", "m-4vcpu-32gb", "lb-small"],
    "image": ["debian-12-x64", 195932981],
    "tags": [["web"], ["a b"], []],
    "tag": ["web"],
    "type": ["power_off", "resize", "attach", "detach", "assign", "unassign", "rename", "rebuild"],
    "ip_range": ["10.20.0.0/20", "10.0.0.0/99", "::/0"],
    "inbound_rules": [[RULE], [RULE, RULE]],
    "forwarding_rules": [[FORWARD], [FORWARD, {}]],
    "droplet_id": [400_001_001],
    "droplet_ids": [[400_001_001], [5]],
    "size_gigabytes": [1, 5, 10**6],
    "resources": [[{"resource_id": "400001001", "resource_type": "droplet"}], [{}]],
    "public_key": ["ssh-ed25519 AAAA", "ssh-rsa \u00e9"],
    "user_data": ["#!/bin/sh", "\ud800"],
    "ssh_keys": [[1], ["aa"], [[]]],
    "health_check": [{"protocol": "tcp"}],
    "default": [True],
}
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
bodies = st.fixed_dictionaries(
    {}, optional={name: st.sampled_from(good) | anything for name, good in FIELDS.items()}
)
arguments = st.sampled_from(["400001001", "web", "1", "192.0.2.2", "a%2Fb", "%ff"]) | st.integers(
    0, 10**19
).map(str)
queries = st.sampled_from(
    ["", "?page=0&per_page=9999", "?page=x", "?tag_name=web", "?name=one&region=fra1", "?&&=%ff"]
)


@st.composite
def asked(draw: st.DrawFn) -> tuple[str, str, bytes]:
    operation = draw(st.sampled_from(OPERATIONS))
    pieces = operation.template.split("/")
    filled = [draw(arguments) if piece.startswith("{") else piece for piece in pieces]
    return operation.method, "/".join(filled) + draw(queries), json.dumps(draw(bodies)).encode()


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(asked(), max_size=12))
def test_nonsense_is_answered_and_never_with_a_server_error(requests: list[tuple[str, str, bytes]]) -> None:
    clock = [1_700_000_000.0]
    world = World(now=lambda: clock[0], seed=1, timing=Timing())
    api = Api(world, hourly_limit=5000, burst_limit=None)
    api.backstage.add_account("first", "one")
    droplet = {
        "name": "n",
        "region": "fra1",
        "size": "s-1vcpu-1gb",
        "image": "debian-12-x64",
        "tags": ["web"],
    }
    requests = [("POST", "/v2/droplets", json.dumps(droplet).encode()), *requests]
    for method, target, body in requests:
        outcome = api.handle(RawRequest(method, target, "Bearer one", "here", body))
        assert isinstance(outcome, Answer)
        assert outcome.status < 500
        json.dumps(outcome.body)
        clock[0] += 1.5
    json.dumps(api.backstage.snapshot("first"))
