"""What each service of the control plane is told: files of settings, as data.

Everything listens on loopback. Nova's hypervisor, Cinder's storage and Octavia's machines only pretend; the
rest is as it runs elsewhere.
"""

from collections.abc import Mapping
from pathlib import Path

PASSWORD = "secret"
REGION = "RegionOne"
LOOPBACK = "127.0.0.1"

_OFFSETS = (
    "keystone", "placement", "glance", "nova", "neutron", "cinder", "octavia", "database", "broker", "epmd",
    "distribution",
)  # fmt: skip

PRETENDED_VOLUMES = """
from cinder.tests.fake_driver import FakeLoggingVolumeDriver


class Volumes(FakeLoggingVolumeDriver):
    def extend_volume(self, volume, new_size):
        pass
"""
"""Cinder's own pretended storage, which grows no volumes, taught to."""

Sections = Mapping[str, Mapping[str, object]]


def ports(base: int) -> dict[str, int]:
    """Return where everything listens, counted from a first port."""
    return {name: base + offset for offset, name in enumerate(_OFFSETS)}


def endpoints(port: Mapping[str, int]) -> dict[str, tuple[str, str]]:
    """Return the type and the address of each service, for Keystone's catalogue."""
    return {
        "placement": ("placement", f"http://{LOOPBACK}:{port['placement']}"),
        "glance": ("image", f"http://{LOOPBACK}:{port['glance']}"),
        "nova": ("compute", f"http://{LOOPBACK}:{port['nova']}/v2.1"),
        "neutron": ("network", f"http://{LOOPBACK}:{port['neutron']}"),
        "cinder": ("volumev3", f"http://{LOOPBACK}:{port['cinder']}/v3/%(project_id)s"),
        "octavia": ("load-balancer", f"http://{LOOPBACK}:{port['octavia']}"),
    }


def files(folder: Path, port: Mapping[str, int]) -> dict[str, Sections]:
    """Return every file of settings by its path below the folder ``etc``."""
    state, lock = folder / "state", {"lock_path": folder / "lock"}
    login = {
        "auth_type": "password",
        "auth_url": f"http://{LOOPBACK}:{port['keystone']}/v3",
        "username": "admin",
        "password": PASSWORD,
        "project_name": "admin",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "region_name": REGION,
    }
    tokens = {
        "www_authenticate_uri": login["auth_url"],
        "service_token_roles": "service",
        "service_token_roles_required": False,
        **login,
    }
    on_behalf = {"send_service_user_token": True, **login}
    broker = {"transport_url": f"rabbit://guest:guest@{LOOPBACK}:{port['broker']}/"}

    def database(name: str) -> dict[str, str]:
        place = f"{LOOPBACK}:{port['database']}"
        return {"connection": f"mysql+pymysql://openstack:{PASSWORD}@{place}/{name}"}

    return {
        "keystone/keystone.conf": {
            "database": database("keystone"),
            "token": {"provider": "fernet"},
            "fernet_tokens": {"key_repository": state / "fernet"},
            "credential": {"key_repository": state / "credential"},
            "identity": {"password_hash_rounds": 4},
        },
        "placement/placement.conf": {
            "api": {"auth_strategy": "keystone"},
            "placement_database": database("placement"),
            "keystone_authtoken": tokens,
        },
        "glance/glance-api.conf": {
            "DEFAULT": {
                "bind_host": LOOPBACK,
                "bind_port": port["glance"],
                "workers": 1,
                "enabled_backends": "files:file",
            },
            "database": database("glance"),
            "glance_store": {"default_backend": "files"},
            "files": {"filesystem_store_datadir": folder / "images"},
            "paste_deploy": {"flavor": "keystone", "config_file": "/etc/glance/glance-api-paste.ini"},
            "oslo_concurrency": lock,
            "keystone_authtoken": tokens,
        },
        "nova/nova.conf": _nova(folder, port, broker, login, tokens, on_behalf)
        | {"api_database": database("nova_api"), "database": database("nova"), "oslo_concurrency": lock},
        "neutron/neutron.conf": {
            "DEFAULT": {
                **broker,
                "core_plugin": "ml2",
                "service_plugins": "router",
                "auth_strategy": "keystone",
                "api_paste_config": "/etc/neutron/api-paste.ini",
                "bind_host": LOOPBACK,
                "bind_port": port["neutron"],
                "api_workers": 2,
                "rpc_workers": 1,
                "state_path": state / "neutron",
                # the agents are rows in a database that nobody keeps fresh: none is ever dead
                "agent_down_time": 999999999,
                "notify_nova_on_port_status_changes": False,
                "notify_nova_on_port_data_changes": False,
            },
            "database": database("neutron"),
            "nova": login,
            "placement": login,
            "oslo_concurrency": lock,
            "keystone_authtoken": tokens,
        },
        "neutron/ml2.ini": {
            "ml2": {
                "type_drivers": "local,flat,vlan,vxlan",
                "tenant_network_types": "vxlan",
                "mechanism_drivers": "openvswitch",
                "extension_drivers": "port_security",
            },
            "ml2_type_vxlan": {"vni_ranges": "1:4000"},
            "ml2_type_flat": {"flat_networks": "*"},
            "securitygroup": {"enable_security_group": True},
        },
        "cinder/cinder.conf": {
            "DEFAULT": {
                **broker,
                "my_ip": LOOPBACK,
                "auth_strategy": "keystone",
                "state_path": state / "cinder",
                "api_paste_config": "/etc/cinder/api-paste.ini",
                "osapi_volume_listen": LOOPBACK,
                "osapi_volume_listen_port": port["cinder"],
                "osapi_volume_workers": 1,
                "enabled_backends": "pretended",
                "default_volume_type": "pretended",
                "glance_api_servers": f"http://{LOOPBACK}:{port['glance']}",
                "rootwrap_config": "/etc/cinder/rootwrap.conf",
                "resource_query_filters_file": "/etc/cinder/resource_filters.json",
            },
            "pretended": {
                "volume_driver": "pretended_volumes.Volumes",
                "volume_backend_name": "pretended",
            },
            "database": database("cinder"),
            "nova": login,
            "service_user": on_behalf,
            "oslo_concurrency": lock,
            "keystone_authtoken": tokens,
        },
        "octavia/octavia.conf": _octavia(state, port, broker, login, tokens)
        | {"database": database("octavia"), "oslo_concurrency": lock},
    }


def _nova(
    folder: Path,
    port: Mapping[str, int],
    broker: Mapping[str, str],
    login: Mapping[str, object],
    tokens: Mapping[str, object],
    on_behalf: Mapping[str, object],
) -> dict[str, Mapping[str, object]]:
    return {
        "DEFAULT": {
            **broker,
            "my_ip": LOOPBACK,
            "host": "pretended",
            "state_path": folder / "state" / "nova",
            "compute_driver": "fake.MediumFakeDriver",
            "enabled_apis": "osapi_compute",
            "osapi_compute_listen": LOOPBACK,
            "osapi_compute_listen_port": port["nova"],
            "osapi_compute_workers": 2,
            "reserved_host_memory_mb": 0,
            "rpc_response_timeout": 60,
        },
        "api": {"auth_strategy": "keystone"},
        "wsgi": {"api_paste_config": "/etc/nova/api-paste.ini"},
        "glance": {"api_servers": f"http://{LOOPBACK}:{port['glance']}"},
        "conductor": {"workers": 1},
        "scheduler": {"workers": 1, "discover_hosts_in_cells_interval": 3},
        "vnc": {"enabled": False},
        "spice": {"enabled": False},
        "placement": login,
        "neutron": login,
        "service_user": on_behalf,
        "cinder": {"os_region_name": REGION, "catalog_info": "volumev3::publicURL"},
        "keystone_authtoken": tokens,
    }


def _octavia(
    state: Path,
    port: Mapping[str, int],
    broker: Mapping[str, str],
    login: Mapping[str, object],
    tokens: Mapping[str, object],
) -> dict[str, Mapping[str, object]]:
    drivers = {
        f"{name}_driver": f"{name}_noop_driver"
        for name in ("amphora", "compute", "network", "volume", "image", "distributor")
    }
    authority = state / "authority.pem"
    return {
        "DEFAULT": broker,
        "api_settings": {
            "bind_host": LOOPBACK,
            "bind_port": port["octavia"],
            "enabled_provider_drivers": "amphora:machines that only pretend",
            "default_provider_driver": "amphora",
        },
        "controller_worker": {
            **drivers,
            "client_ca": authority,
            "workers": 1,
            "amp_flavor_id": 1,
            "amp_image_tag": "amphora",
            "amp_boot_network_list": "11111111-2222-3333-4444-555555555555",
            "amp_active_wait_sec": 1,
        },
        "certificates": {
            "ca_certificate": authority,
            "ca_private_key": state / "authority.key",
            "ca_private_key_passphrase": "none",
            "server_certs_key_passphrase": "insecure-key-do-not-use-this-key",
        },
        "haproxy_amphora": {"client_cert": authority, "server_ca": authority},
        "oslo_messaging": {"topic": "octavia_prov"},
        "service_auth": login,
        "keystone_authtoken": tokens,
    }
