"""S3 servers on loopback: moto in this process, SeaweedFS as a process of its own."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

LOOPBACK = "127.0.0.1"
BUCKET = "archives"
_START_SECONDS = 60.0
READER = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "reader-canary-secret"}
WRITER = {"AWS_ACCESS_KEY_ID": "writer", "AWS_SECRET_ACCESS_KEY": "writer-canary-secret"}
_IDENTITIES = {
    "identities": [
        {
            "name": name,
            "credentials": [
                {"accessKey": keys["AWS_ACCESS_KEY_ID"], "secretKey": keys["AWS_SECRET_ACCESS_KEY"]}
            ],
            "actions": actions,
        }
        for name, keys, actions in (
            ("writer", WRITER, ["Admin", "Read", "Write", "List"]),
            ("reader", READER, ["Read", "List"]),
        )
    ]
}


@dataclass
class Server:
    """Where it is, and the environment in which everything that speaks to it runs."""

    url: str

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            **WRITER,
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_REGION": "us-east-1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @cached_property
    def raw(self) -> Any:
        """Return boto3's own client, to look behind a store's back."""
        return self.client()

    def client(self, **settings: Any) -> Any:
        """Return a new client, which tries everything once."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            aws_access_key_id=WRITER["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=WRITER["AWS_SECRET_ACCESS_KEY"],
            region_name="us-east-1",
            config=Config(
                retries={"mode": "standard", "total_max_attempts": 1}, connect_timeout=2, **settings
            ),
        )


@contextmanager
def moto() -> Iterator[Server]:
    from moto.server import ThreadedMotoServer
    from werkzeug.serving import WSGIRequestHandler

    quiet = WSGIRequestHandler.log
    WSGIRequestHandler.log = lambda *_args, **_words: None  # type: ignore[method-assign]
    server = ThreadedMotoServer(ip_address=LOOPBACK, port=0, verbose=False)
    server.start()
    try:
        _, port = server.get_host_and_port()
        up = Server(f"http://{LOOPBACK}:{port}")
        up.client().create_bucket(Bucket=BUCKET)
        yield up
    finally:
        server.stop()
        WSGIRequestHandler.log = quiet  # type: ignore[method-assign]


def weed() -> str | None:
    """Return the path of SeaweedFS's program, which comes as a wheel."""
    return shutil.which("weed", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


@contextmanager
def seaweedfs(folder: Path, program: str) -> Iterator[Server]:
    """Run SeaweedFS in an empty folder until the block ends. It is killed: nobody wants its data."""
    identities = folder / "s3.json"
    identities.write_text(json.dumps(_IDENTITIES), encoding="utf-8")
    (folder / "data").mkdir()
    names = ("s3.port", "master.port", "volume.port", "filer.port")
    ports = free_ports(2 * len(names))
    given = [
        f"-{name}={port}" for name, port in zip([*names, *(f"{n}.grpc" for n in names)], ports, strict=True)
    ]
    command = [
        program,
        "-logtostderr",
        "server",
        f"-ip={LOOPBACK}",
        f"-ip.bind={LOOPBACK}",
        f"-dir={folder / 'data'}",
        "-master.telemetry=false",
        "-master.electionTimeout=1s",
        "-master.volumeSizeLimitMB=64",
        "-volume.max=20",
        "-s3",
        f"-s3.config={identities}",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        f"-s3.localSocket={folder}/s3.sock",
        f"-filer.localSocket={folder}/filer.sock",
        *given,
    ]
    server = Server(f"http://{LOOPBACK}:{ports[0]}")
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process,
    ):
        try:
            _wait_for(server, process)
            yield server
        finally:
            process.kill()
            for port in ports:  # it puts sockets there whatever TMPDIR says
                for left in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):
                    left.unlink()


def free_ports(count: int) -> list[int]:
    """Return ports that nothing listens on; all are held at once, so that they differ."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind((LOOPBACK, 0))
        return [one.getsockname()[1] for one in sockets]


def _wait_for(server: Server, process: "subprocess.Popen[bytes]") -> None:
    """Wait until an object can be written: the parts of the server find each other one after the other."""
    client = server.client(read_timeout=5)
    until = time.monotonic() + _START_SECONDS
    ready = False
    while not ready:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.1)
        try:
            with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou):
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="probe", Body=b"probe")
            ready = True
        except (BotoCoreError, ClientError):
            if process.poll() is not None or time.monotonic() > until:
                raise
