"""A real OpenStack control plane on loopback: Keystone, Placement, Glance, Neutron, Nova, Cinder and Octavia.

    sh tests/openstack/install.sh                   the packages, once
    python -m tests.openstack.plane up [FOLDER]     starts it, and writes FOLDER/clouds.yaml
    python -m tests.openstack.plane down [FOLDER]   stops it; its databases stay in the folder

As root, on Debian 12. The first start makes databases and takes two minutes, each later one half of that. It
takes 2.5 GiB of memory. Nothing outside of the folder is written, no service manager is asked.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.openstack.configuration import (
    LOOPBACK,
    PASSWORD,
    PRETENDED_VOLUMES,
    REGION,
    Sections,
    endpoints,
    files,
    ports,
)

BASE_PORT = 25600
_PATIENCE = 120.0
_DATABASES = (
    "keystone",
    "placement",
    "glance",
    "nova_api",
    "nova",
    "nova_cell0",
    "neutron",
    "cinder",
    "octavia",
)
_PROGRAMS = ("mariadbd", "uwsgi_python3", "keystone-manage", "nova-api", "neutron-server", "octavia-worker")
_EXTRA_ROLES = ("service", "load-balancer_admin", "load-balancer_member")


class Plane:
    """One control plane in one folder."""

    def __init__(self, folder: Path, base_port: int = BASE_PORT) -> None:
        self.folder = folder.resolve()
        self.port = ports(base_port)
        self.etc = self.folder / "etc"

    def up(self) -> None:
        """Start it, from nothing or from what an earlier start has left."""
        missing = [
            name for name in _PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None
        ]
        if missing:
            sys.exit(
                f"not installed: {', '.join(missing)}; sh tests/openstack/install.sh installs it, as root"
            )
        running = [
            path.name for path in (self.folder / "pids").glob("*") if _signal(int(path.read_text()), 0)
        ]
        if running:
            sys.exit(f"running already: {', '.join(sorted(running))}")
        new = not (self.folder / "mysql").is_dir()
        for name in (
            "etc",
            "log",
            "pids",
            "lib",
            "lock",
            "images",
            "state/nova/instances",
            "state/neutron",
            "state/cinder",
        ):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self._write()
        self._database(new)
        self._broker()
        if new:
            self._fill()
        self._keystone()
        if new:
            self._catalogue()
        self._services()
        if new:
            self._administrator().block_storage.create_type(name="pretended")
        self._agent()
        print(f"ready: export OS_CLIENT_CONFIG_FILE={self.folder / 'clouds.yaml'} OS_CLOUD=local")  # noqa: T201

    def down(self) -> None:
        """Stop what is running, by the numbers written down; what keeps data last."""
        (self.folder / "clouds.yaml").unlink(missing_ok=True)  # tests look for it
        kept = {"database", "broker"}
        for late in (False, True):
            groups = [path for path in (self.folder / "pids").glob("*") if (path.name in kept) is late]
            for path in groups:
                _signal(int(path.read_text()), signal.SIGTERM)
            for path in groups:
                _gone(int(path.read_text()))
                path.unlink()
        subprocess.run(["epmd", "-port", str(self.port["epmd"]), "-kill"], check=False, capture_output=True)

    def _write(self) -> None:
        (self.folder / "lib" / "pretended_volumes.py").write_text(PRETENDED_VOLUMES)
        for name, sections in files(self.folder, self.port).items():
            path = self.etc / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(_ini(sections))
        shutil.copy("/etc/nova/api-paste.ini", self.etc / "nova")
        shutil.copy("/etc/glance/glance-api-paste.ini", self.etc / "glance")
        authority = self.folder / "state" / "authority.pem"
        if not authority.exists():
            self._run(
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-days", "3650", "-subj", "/CN=authority",
                "-passout", "pass:none", "-keyout", str(authority.with_suffix(".key")),
                "-out", str(authority),
            )  # fmt: skip
        auth = {
            "auth_url": f"http://{LOOPBACK}:{self.port['keystone']}/v3", "username": "admin",
            "password": PASSWORD, "project_name": "admin", "user_domain_name": "Default",
            "project_domain_name": "Default",
        }  # fmt: skip
        lines = [f"      {name}: {value}" for name, value in auth.items()]
        clouds = self.folder / "clouds.yaml"
        clouds.write_text(
            "\n".join(["clouds:", "  local:", f"    region_name: {REGION}", "    auth:", *lines, ""])
        )
        clouds.chmod(0o600)

    def _database(self, new: bool) -> None:
        data = self.folder / "mysql"
        if new:
            data.mkdir()
            shutil.chown(data, "mysql", "mysql")
            self._run(
                "mariadb-install-db", "--no-defaults", "--user=mysql", f"--datadir={data}",
                "--auth-root-authentication-method=normal",
            )  # fmt: skip
        self._start(
            "database", "mariadbd", "--no-defaults", "--user=mysql", f"--datadir={data}",
            f"--bind-address={LOOPBACK}", f"--port={self.port['database']}", f"--socket={data / 'socket'}",
            "--max-connections=500", "--innodb-flush-log-at-trx-commit=0", "--skip-name-resolve",
        )  # fmt: skip
        self._await("database")
        if new:
            self._sql(f"create user openstack@'{LOOPBACK}' identified by '{PASSWORD}'")
            self._sql(f"grant all on *.* to openstack@'{LOOPBACK}'")
            for name in _DATABASES:
                self._sql(f"create database {name} character set utf8mb3")

    def _sql(self, statement: str, database: str = "") -> None:
        socket_path = self.folder / "mysql" / "socket"
        self._run(
            "mariadb",
            "--no-defaults",
            "-uroot",
            "-S",
            str(socket_path),
            "-e",
            statement,
            *filter(None, [database]),
        )

    def _broker(self) -> None:
        home = self.folder / "broker"
        home.mkdir(exist_ok=True)
        (home / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = {LOOPBACK}:{self.port['broker']}\n"
            f"distribution.listener.interface = {LOOPBACK}\nlog.console = true\n"
        )
        (home / "plugins").write_text("[].\n")
        self._start(
            "broker", "/usr/lib/rabbitmq/bin/rabbitmq-server",
            HOME=str(home), ERL_EPMD_ADDRESS=LOOPBACK, ERL_EPMD_PORT=str(self.port["epmd"]),
            RABBITMQ_NODENAME=f"kubisnap{self.port['broker']}@localhost",
            RABBITMQ_DIST_PORT=str(self.port["distribution"]),
            RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1}",
            RABBITMQ_CONFIG_FILE=str(home / "rabbitmq.conf"), RABBITMQ_MNESIA_BASE=str(home / "data"),
            RABBITMQ_LOG_BASE=str(self.folder / "log"), RABBITMQ_LOGS="-",
            RABBITMQ_ENABLED_PLUGINS_FILE=str(home / "plugins"), RABBITMQ_CONF_ENV_FILE="/dev/null",
        )  # fmt: skip

    def _fill(self) -> None:
        """Make every service's tables, and Keystone's first user."""
        keystone = ("keystone-manage", "--config-dir", str(self.etc / "keystone"))
        address = f"http://{LOOPBACK}:{self.port['keystone']}/v3"
        self._run(*keystone, "db_sync")
        for what in ("fernet_setup", "credential_setup"):
            (self.folder / "state" / what.removesuffix("_setup")).mkdir(exist_ok=True)
            self._run(*keystone, what, "--keystone-user", "root", "--keystone-group", "root")
        addresses = [
            part for kind in ("admin", "internal", "public") for part in (f"--bootstrap-{kind}-url", address)
        ]
        self._run(
            *keystone,
            "bootstrap",
            "--bootstrap-password",
            PASSWORD,
            "--bootstrap-region-id",
            REGION,
            *addresses,
        )
        self._run("placement-manage", "--config-dir", str(self.etc / "placement"), "db", "sync")
        self._run("glance-manage", "--config-dir", str(self.etc / "glance"), "db_sync")
        self._run(
            "neutron-db-manage", "--config-file", str(self.etc / "neutron/neutron.conf"),
            "--config-file", str(self.etc / "neutron/ml2.ini"), "upgrade", "head",
        )  # fmt: skip
        nova = ("nova-manage", "--config-dir", str(self.etc / "nova"))
        place = f"mysql+pymysql://openstack:{PASSWORD}@{LOOPBACK}:{self.port['database']}/nova_cell0"
        self._run(*nova, "api_db", "sync")
        self._run(*nova, "cell_v2", "map_cell0", "--database_connection", place)
        self._run(*nova, "db", "sync")
        self._run(*nova, "cell_v2", "create_cell", "--name", "cell1")
        self._run("cinder-manage", "--config-dir", str(self.etc / "cinder"), "db", "sync")
        self._run(
            "octavia-db-manage", "--config-file", str(self.etc / "octavia/octavia.conf"), "upgrade", "head"
        )

    def _keystone(self) -> None:
        self._web("keystone", "/usr/bin/keystone-wsgi-public", "OS_KEYSTONE_CONFIG_DIR")
        self._await("keystone")

    def _services(self) -> None:
        """Start the others. Nova and Glance have servers of their own: in uWSGI's threads Nova gets stuck."""
        self._web("placement", "/usr/bin/placement-api", "OS_PLACEMENT_CONFIG_DIR")
        self._await("placement")
        self._await("broker")
        neutron = [
            part
            for name in ("neutron.conf", "ml2.ini")
            for part in ("--config-file", str(self.etc / "neutron" / name))
        ]
        self._start("glance", "glance-api", "--config-dir", str(self.etc / "glance"))
        self._start("neutron", "neutron-server", *neutron)
        for name in ("nova-api", "nova-conductor", "nova-scheduler", "nova-compute"):
            self._start(name, name, "--config-file", str(self.etc / "nova/nova.conf"))
        for name in ("cinder-api", "cinder-scheduler", "cinder-volume"):
            settings = str(self.etc / "cinder/cinder.conf")
            self._start(name, name, "--config-file", settings, PYTHONPATH=str(self.folder / "lib"))
        for name in ("octavia-api", "octavia-worker"):
            self._start(name, name, "--config-file", str(self.etc / "octavia/octavia.conf"))
        for name in ("glance", "neutron", "nova", "cinder", "octavia"):
            self._await(name)

    def _web(self, name: str, program: str, setting: str) -> None:
        place = f"{LOOPBACK}:{self.port[name]}"
        self._start(
            name, "uwsgi_python3", "--plugins", "python3", "--http-socket", place, "--wsgi-file", program,
            "--master", "--lazy-apps", "--processes", "2", "--threads", "2", "--enable-threads", "--need-app",
            "--buffer-size", "65535", "--die-on-term", "--add-header", "Connection: close",
            **{setting: f"{self.etc / name}/"},
        )  # fmt: skip

    def _catalogue(self) -> None:
        """Tell Keystone of the services, who look for each other in it when they start, and of roles."""
        admin = self._administrator()
        for name, (kind, address) in endpoints(self.port).items():
            service = admin.identity.create_service(name=name, type=kind)
            for interface in ("public", "internal", "admin"):
                admin.identity.create_endpoint(
                    service_id=service.id, interface=interface, url=address, region_id=REGION
                )
        for name in _EXTRA_ROLES:
            role = admin.identity.find_role(name) or admin.identity.create_role(name=name)
            user, project = admin.current_user_id, admin.current_project_id
            admin.identity.assign_project_role_to_user(project, user, role.id)

    def _administrator(self) -> Any:
        import openstack.config.loader
        import openstack.connection

        loader = openstack.config.loader.OpenStackConfig(
            config_files=[str(self.folder / "clouds.yaml")], load_envvars=False
        )
        return openstack.connection.Connection(config=loader.get_one(cloud="local"))

    def _agent(self) -> None:
        """Let Neutron believe in a switch on the pretended host, so that it plugs servers in there."""
        told = (
            '{"tunnel_types": ["vxlan"], "tunneling_ip": "127.0.0.1", "datapath_type": "system", '
            '"bridge_mappings": {}, "ovs_hybrid_plug": false}'
        )
        columns = (
            "id, agent_type, `binary`, topic, host, admin_state_up, created_at, started_at, "
            "heartbeat_timestamp, configurations, `load`"
        )
        values = (
            "uuid(), 'Open vSwitch agent', 'neutron-openvswitch-agent', 'N/A', 'pretended', 1, now(), now(), "
            f"now(), '{told}', 0"
        )
        self._sql(f"insert ignore into agents ({columns}) values ({values})", "neutron")

    def _start(self, name: str, *command: str, **environment: str) -> None:
        with (self.folder / "log" / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                cwd=self.folder, env=_environment(environment),
            )  # fmt: skip
        (self.folder / "pids" / name).write_text(str(process.pid))

    def _run(self, *command: str) -> None:
        with (self.folder / "log" / "setting-up.log").open("ab") as log:
            subprocess.run(command, check=True, stdout=log, stderr=log, cwd=self.folder, env=_environment({}))

    def _await(self, name: str) -> None:
        def answers() -> bool:
            with (
                contextlib.suppress(OSError),
                socket.create_connection((LOOPBACK, self.port[name]), timeout=1),
            ):
                return True
            return False

        if not _until(answers, _PATIENCE):
            sys.exit(f"{name} does not answer; see {self.folder / 'log'}")


def _environment(more: Mapping[str, str]) -> dict[str, str]:
    """Return an environment in which the system's Python is found first, and none of ours."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "OS_", "VIRTUAL"))
    }
    return {**kept, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **more}


def _ini(sections: Sections) -> str:
    return "".join(
        f"[{name}]\n" + "".join(f"{option} = {value}\n" for option, value in options.items())
        for name, options in sections.items()
    )


def _until(ready: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if ready():
            return True
        time.sleep(0.2)
    return False


def _signal(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def _gone(group: int) -> None:
    if not _until(lambda: not _signal(group, 0), 30):
        _signal(group, signal.SIGKILL)


def main(arguments: list[str]) -> None:
    """Do what the command line says."""
    folder = Path(arguments[1]) if len(arguments) > 1 else Path(__file__).parents[2] / ".openstack"
    plane = Plane(folder)
    match arguments[:1]:
        case ["up"]:
            plane.up()
        case ["down"]:
            plane.down()
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
