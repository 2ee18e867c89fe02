"""A real S3 server for tests, built from its Go module as the embedded cluster's is."""

import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from obstore import put
from obstore.store import S3Store

from fetcher.running import REPO

KEY = "linnet-test-access"
SECRET = "linnet-test-secret-canary"
BUILD = """
from hack.cluster import layout
from hack.cluster.programs import parts
parts.build(("versitygw",))
print(layout.tool("versitygw"))
"""


@dataclass(frozen=True)
class Bucket:
    """One bucket; `put` returns the s3:// URI of the prefix that it wrote."""

    port: int
    name: str

    @property
    def keys(self) -> dict[str, str]:
        """The credentials Secret that opens all of it."""
        return {
            "allowedPrefix": f"s3://{self.name}",
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET,
        }

    def put(self, files: dict[str, bytes], prefix: str = "") -> str:
        prefix = prefix or f"trees/{secrets.token_hex(6)}"
        for name, data in files.items():
            put(self._store(), f"{prefix}/{name}", data)
        return f"s3://{self.name}/{prefix}"

    def _store(self) -> S3Store:
        return S3Store(
            self.name,
            endpoint=f"http://127.0.0.1:{self.port}",
            access_key_id=KEY,
            secret_access_key=SECRET,
            region="us-east-1",
            client_options={"allow_http": True},
        )


@contextmanager
def serving_s3(folder: Path) -> Iterator[Bucket]:
    built = subprocess.run(
        [sys.executable, "-c", BUILD], cwd=REPO, check=True, stdout=subprocess.PIPE, text=True
    ).stdout.strip()
    bucket = Bucket(_free_port(), "models")
    (folder / "data" / bucket.name).mkdir(parents=True)
    command = [built, "--port", f"127.0.0.1:{bucket.port}", "--quiet", "posix", str(folder / "data")]
    environ = {**os.environ, "ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": SECRET}
    with (folder / "log").open("wb") as log, subprocess.Popen(command, env=environ, stdout=log, stderr=log) as server:
        try:
            _await_port(bucket.port, server)
            yield bucket
        finally:
            server.terminate()


@contextmanager
def cutting(port: int, after: int, times: int) -> Iterator[int]:
    """A TCP proxy before `port` that ends the first `times` connections whose answers pass `after` bytes."""
    left = [times]
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve(client: socket.socket) -> None:
            with client, socket.create_connection(("127.0.0.1", port)) as server, suppress(OSError):
                threading.Thread(target=_pipe, args=(client, server), daemon=True).start()
                count = 0
                while data := server.recv(65536):
                    count += len(data)
                    if left[0] > 0 and count > after:
                        left[0] -= 1
                        client.shutdown(socket.SHUT_RDWR)
                        return
                    client.sendall(data)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    threading.Thread(target=serve, args=(client,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]


def _pipe(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _await_port(port: int, server: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + 30
    while server.poll() is None and time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise RuntimeError(f"the S3 server did not start (exit code {server.poll()})")
