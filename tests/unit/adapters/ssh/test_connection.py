"""Connections: whose key is checked first, what is offered, and that no server keeps anybody waiting."""

import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from kubisnap.adapters.ssh.connection import MAX_OUTPUT, Output, Target, Timeouts
from kubisnap.adapters.ssh.host_keys import KnownHosts, Pinned, parse_host_key
from kubisnap.adapters.ssh.identities import Identities
from kubisnap.adapters.ssh.pool import Pool
from kubisnap.adapters.ssh.problems import (
    AnswerLost,
    AuthenticationRefused,
    HostKeyRefused,
    SshError,
    Unreachable,
)
from tests.ssh_impostor import Fakes, Impostor, Reply, new_identity

SHORT_HANDSHAKE = Timeouts(handshake=0.5)
SHORT_COMMAND = Timeouts(command=0.5)


@pytest.fixture
def pool() -> Iterator[Pool]:
    pool = Pool()
    yield pool
    pool.close()


@pytest.fixture
def server(servers: Fakes) -> Impostor:
    return servers.new()


@pytest.fixture
def target(servers: Fakes, server: Impostor) -> Target:
    return to(server, servers.identity)


def to(server: Impostor, identity: Path | None, *, timeouts: Timeouts | None = None) -> Target:
    return Target(
        title="node-1",
        address="127.0.0.1",
        port=server.port,
        user="ops",
        verifier=Pinned(parse_host_key(server.host_key), title="node-1"),
        identities=Identities(identity, agent=False),
        timeouts=timeouts or Timeouts(),
    )


def test_a_script_is_run_and_its_output_status_and_complaint_come_back(pool: Pool, target: Target) -> None:
    output = pool.run(target, "echo hello\necho trouble >&2\nexit 3")

    assert output == Output(3, b"hello\n", b"trouble\n")


def test_a_script_that_does_not_arrive_whole_runs_nothing(
    server: Impostor, pool: Pool, target: Target
) -> None:
    pool.run(target, f"touch {server.folder}/ran\ntouch {server.folder}/ran-too")
    whole = server.scripts[0]
    for path in server.folder.glob("ran*"):
        path.unlink()

    for end in range(len(whole) - len("}\nexit\n")):
        subprocess.run(["/bin/sh"], input=whole[:end].encode(), capture_output=True, check=False)

    assert list(server.folder.glob("ran*")) == []


def test_one_connection_serves_many_commands(server: Impostor, pool: Pool, target: Target) -> None:
    with ThreadPoolExecutor(8) as crew:
        outputs = list(crew.map(lambda n: pool.run(target, f"echo {n}").text, range(16)))

    assert outputs == [f"{n}\n".encode() for n in range(16)]
    assert server.connections == 1


def test_a_connection_that_was_closed_meanwhile_is_opened_anew(
    server: Impostor, pool: Pool, target: Target
) -> None:
    pool.run(target, "true")
    server.hang_up()

    assert pool.run(target, "echo again").text == b"again\n"


def test_connections_that_are_too_many_are_closed(servers: Fakes) -> None:
    pool = Pool(largest=2)
    targets = [to(servers.new(), servers.identity) for _ in range(4)]
    for target in targets:
        pool.run(target, "true")
    for target in targets:
        assert pool.run(target, "echo there").text == b"there\n"

    assert [server.connections for server in servers.made] == [2, 2, 2, 2]
    pool.close()
    pool.close()


def test_a_pool_that_is_closed_while_somebody_waits_keeps_no_connection(
    server: Impostor, target: Target
) -> None:
    pool = Pool()

    def close_meanwhile(_: str) -> Reply:
        pool.close()
        return Reply()

    server.answer = close_meanwhile
    with pytest.raises(AnswerLost):
        pool.run(target, "true")
    assert pool._slots == {}


def test_no_key_of_ours_is_shown_to_a_server_whose_own_is_not_known(
    servers: Fakes, server: Impostor, pool: Pool, tmp_path: Path
) -> None:
    file = KnownHosts(tmp_path / "known_hosts")
    target = Target(
        title="node-1",
        address="127.0.0.1",
        port=server.port,
        user="ops",
        verifier=file.of("127.0.0.1", server.port, title="node-1"),
        identities=Identities(servers.identity, agent=False),
    )

    with pytest.raises(HostKeyRefused, match="not known"):
        pool.run(target, "true")

    assert server.offered == []
    KnownHosts(file.path, first_use=True).of("127.0.0.1", server.port, title="node-1").check(
        parse_host_key(server.host_key)
    )
    assert pool.run(target, "echo known").text == b"known\n"


def test_a_password_is_never_tried(servers: Fakes, server: Impostor, pool: Pool) -> None:
    with pytest.raises(AuthenticationRefused, match="does not let ops in"):
        pool.run(to(server, servers.stranger), "true")

    assert len(server.offered) == 1
    assert "password" not in server.offered


def test_without_any_key_nothing_is_tried(server: Impostor, pool: Pool) -> None:
    with pytest.raises(AuthenticationRefused, match="no key to open node-1"):
        pool.run(to(server, None), "true")


def test_a_server_that_is_not_there_is_unreachable(server: Impostor, servers: Fakes, pool: Pool) -> None:
    server.close()

    with pytest.raises(Unreachable, match="cannot be reached"):
        pool.run(to(server, servers.identity), "true")


def test_who_waits_while_another_fails_is_told_the_same_at_once(
    server: Impostor, servers: Fakes, pool: Pool
) -> None:
    server.mute = True
    target = to(server, servers.identity, timeouts=SHORT_HANDSHAKE)

    def attempt(_: int) -> str:
        with pytest.raises(Unreachable) as caught:
            pool.run(target, "true")
        return caught.value.problem

    started = time.monotonic()
    with ThreadPoolExecutor(8) as crew:
        told = set(crew.map(attempt, range(8)))

    assert len(told) == 1
    assert time.monotonic() - started < 8 * 0.5


def test_a_server_that_says_nothing_is_given_up(server: Impostor, servers: Fakes, pool: Pool) -> None:
    server.mute = True

    with pytest.raises(Unreachable, match=r"not within 0\.5 seconds"):
        pool.run(to(server, servers.identity, timeouts=SHORT_HANDSHAKE), "true")


@pytest.mark.parametrize("starts", [True, False])
def test_a_server_that_does_not_end_a_command_or_start_it_is_given_up(
    server: Impostor, servers: Fakes, pool: Pool, *, starts: bool
) -> None:
    server.deaf = not starts
    server.answer = lambda _: Reply(then="hang")

    with pytest.raises(AnswerLost, match=r"did not answer within 0\.5 seconds"):
        pool.run(to(server, servers.identity, timeouts=SHORT_COMMAND), "true")


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(b"half", then="cut"), "the connection broke off"),
        (Reply(b"all", then="vanish"), "it was closed"),
        (Reply(b"x" * (MAX_OUTPUT + 1)), "has no end"),
    ],
)
def test_an_answer_that_does_not_come_whole_is_lost_and_not_taken_for_one(
    server: Impostor, servers: Fakes, pool: Pool, reply: Reply, told: str
) -> None:
    server.answer = lambda _: reply

    with pytest.raises(AnswerLost, match=told):
        pool.run(to(server, servers.identity), "true")


def test_what_is_asked_before_sending_is_asked_after_all_else_and_its_no_is_heard(
    server: Impostor, pool: Pool, target: Target
) -> None:
    class NoError(Exception):
        pass

    def no() -> NoReturn:
        assert server.logins == ["ops"]
        raise NoError

    with pytest.raises(NoError):
        pool.run(target, "true", before=no)

    assert server.scripts == []
    assert pool.run(target, "echo fine").text == b"fine\n"


@contextmanager
def listener(behaviour: Callable[[socket.socket], None]) -> Iterator[int]:
    """Accept one connection after the other and do something with each."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    behaviour(peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.mark.parametrize(
    "greeting",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"SSH-1.5-old\r\n",
        b"SSH-2.0-x\r\n" + bytes(range(256)) * 4,
        b"SSH-2.0-x\r\n\x00\x00\x00\x0c\x0a\x14" + b"\xff" * 64,
        b"SSH-2.0-\xff\xfe\r\n" + b"\x00" * 64,
        b"\r\n" * 5000,
    ],
)
def test_nonsense_instead_of_ssh_is_an_error_of_ours(servers: Fakes, pool: Pool, greeting: bytes) -> None:
    server = servers.new()

    def greet(peer: socket.socket) -> None:
        peer.sendall(greeting)

    with listener(greet) as port:
        target = to(server, servers.identity, timeouts=Timeouts(1.0, 1.0, 1.0, 1.0))
        target = Target(**{**vars(target), "port": port})
        with pytest.raises(SshError) as caught:
            pool.run(target, "true")

    assert isinstance(caught.value, Unreachable)
    assert caught.value.problem.isprintable()


def test_a_key_with_a_passphrase_is_for_the_agent(server: Impostor, pool: Pool, tmp_path: Path) -> None:
    new_identity(tmp_path / "locked", b"a passphrase")

    with pytest.raises(AuthenticationRefused, match="has a passphrase") as caught:
        pool.run(to(server, tmp_path / "locked"), "true")
    assert caught.value.advice == f"ssh-add {tmp_path / 'locked'}"


def test_a_key_that_others_may_read_is_not_used(servers: Fakes, server: Impostor, pool: Pool) -> None:
    servers.identity.chmod(0o640)

    with pytest.raises(AuthenticationRefused, match="others may read") as caught:
        pool.run(to(server, servers.identity), "true")
    assert caught.value.advice == f"chmod 600 {servers.identity}"


@pytest.mark.parametrize(
    "content", [b"", b"no key", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n", b"\xff\x00"]
)
def test_a_file_that_is_no_key_is_refused(
    server: Impostor, pool: Pool, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "key").touch(mode=0o600)
    (tmp_path / "key").write_bytes(content)

    with pytest.raises(AuthenticationRefused, match="not a private key"):
        pool.run(to(server, tmp_path / "key"), "true")
    with pytest.raises(AuthenticationRefused, match="cannot be read"):
        pool.run(to(server, tmp_path / "none"), "true")
