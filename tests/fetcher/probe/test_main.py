"""`linnet probe` against a real server that loads, fails to load, and answers rightly or wrongly."""

import json
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from fetcher.running import Command
from fetcher.site import Site, in_turn, send, status

READY = "/v2/models/tumor/ready"
INFER = "/v2/models/tumor/infer"
REQUEST = {"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP64", "data": [2.0]}]}


@pytest.fixture
def probe(probe: Command, site: Site) -> Command:
    site.pages[READY] = status(200)
    return probe.given("--url", site.url, "--ready-path", READY, "--model-name", "tumor", "--interval", "10ms")


def model(handler: BaseHTTPRequestHandler) -> None:
    """Doubles its input."""
    body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
    data = [2 * value for value in body["inputs"][0]["data"]]
    send(handler, 200, {}, json.dumps({"id": "random", "outputs": [{"name": "y", "data": data}]}).encode())


@pytest.fixture
def contract(probe: Command, tmp_path: Path) -> Path:
    folder = tmp_path / "contract"
    folder.mkdir()
    probe.given("--contract", str(folder))
    return folder


def expect(folder: Path, name: str, response: dict[str, Any], request: dict[str, Any] | None = None) -> None:
    """As kubelet mounts a ConfigMap: the key is a link into a folder that begins with two dots."""
    (folder / "..data").mkdir(exist_ok=True)
    given = request or {"method": "POST", "path": INFER, "body": REQUEST}
    (folder / "..data" / f"{name}.json").write_text(json.dumps({"request": given, "response": response}))
    (folder / f"{name}.json").symlink_to(f"..data/{name}.json")


def test_ready(probe: Command) -> None:
    """A server that is ready validates the version."""
    ended = probe.run()
    assert (ended.code, ended.outcome["outcome"], ended.outcome["cases"]) == (0, "Validated", 0)
    assert ended.outcome["readySeconds"] >= 0


def test_waits(probe: Command, site: Site) -> None:
    """A server that is loading is waited for."""
    site.pages[READY] = in_turn(status(503), status(404), status(400), status(200))
    assert probe.run().code == 0
    assert len(site.requests) == 4


def test_default_ready_path(site: Site, tmp_path: Path) -> None:
    """Without a ready path it is the Open Inference Protocol's."""
    site.pages[READY] = status(200)
    assert Command("probe", tmp_path).given("--url", site.url, "--model-name", "tumor").run().code == 0


@pytest.mark.slow
def test_never_ready(probe: Command, site: Site) -> None:
    """A server that reports an error until the deadline: LoadFailed, with what it said last."""

    def broken(handler: BaseHTTPRequestHandler) -> None:
        send(handler, 500, {}, b'{"error": "no module named\\n sklearn"}')

    site.pages[READY] = broken
    ended = probe.given("--deadline", "200ms").run()
    assert (ended.code, ended.reason) == (2, "LoadFailed")
    assert "HTTP 500" in ended.message
    assert "sklearn" in ended.message
    assert "tumor" in ended.message


@pytest.mark.slow
def test_never_listens(tmp_path: Path) -> None:
    """A server that never listens: LoadFailed, with the connection's error."""
    command = Command("probe", tmp_path).given(
        "--url", "http://127.0.0.1:1", "--model-name", "m", "--deadline", "200ms"
    )
    ended = command.run()
    assert (ended.code, ended.reason) == (2, "LoadFailed")
    assert "connection refused" in ended.message


@pytest.mark.slow
def test_hangs(probe: Command, site: Site) -> None:
    """A server that accepts and never answers ends at the deadline too."""
    gate = threading.Event()
    site.pages[READY] = lambda _: gate.wait(60)  # type: ignore[assignment]
    ended = probe.given("--deadline", "300ms").run()
    gate.set()
    assert (ended.code, ended.reason) == (2, "LoadFailed")
    assert "no answer in time" in ended.message


def test_contract_holds(probe: Command, site: Site, contract: Path) -> None:
    """Every case is replayed, within its tolerance, and counted."""
    site.pages[INFER] = model
    expect(contract, "doubles", {"status": 200, "body": {"outputs": [{"data": [4.0000001]}]}})
    expect(contract, "roughly", {"body": {"outputs": [{"data": [4.2]}]}, "tolerance": 0.1})
    expect(contract, "unknown", {"status": 404}, {"method": "GET", "path": "/nothing"})
    (contract / "notes.txt").write_text("not a case")
    ended = probe.run()
    assert (ended.code, ended.outcome.get("cases")) == (0, 3), ended.output


def test_a_path_is_asked_for_as_it_is_written(probe: Command, site: Site, contract: Path) -> None:
    """It is a test of the server, of how it reads odd paths too."""
    path = "/v2//models/../models/%7e{tumor}?a=b#c"
    site.pages[path.partition("?")[0]] = status(200)
    expect(contract, "odd", {"status": 200}, {"method": "GET", "path": path, "headers": {"X-Team": "Zürich"}})
    ended = probe.run()
    assert ended.code == 0, ended.output
    asked, headers = site.requests[-1]
    assert asked == path
    assert headers["X-Team"] == "Zürich"


def test_contract_fails(probe: Command, site: Site, contract: Path) -> None:
    """A wrong answer names the case, the JSON path, what was expected and what came."""
    site.pages[INFER] = model
    expect(contract, "a-fine", {"body": {"outputs": [{"data": [4.0]}]}})
    expect(contract, "b-wrong", {"body": {"outputs": [{"data": [5.0]}]}})
    ended = probe.run()
    assert (ended.code, ended.reason) == (2, "ContractFailed")
    assert "b-wrong" in ended.message
    assert "$.outputs[0].data[0]: expected 5.0, got 4.0" in ended.message


def test_contract_server_error(probe: Command, site: Site, contract: Path) -> None:
    """An error instead of an answer fails the contract, with the server's words."""
    site.pages[INFER] = lambda handler: send(handler, 500, {}, b"boom: no imputer")
    expect(contract, "case", {"body": {}})
    ended = probe.run()
    assert (ended.code, ended.reason) == (2, "ContractFailed")
    assert "expected 2xx, got 500 with boom: no imputer" in ended.message


def test_contract_no_answer(probe: Command, site: Site, contract: Path) -> None:
    """A server that dies of a request fails the contract."""
    site.pages[INFER] = lambda handler: handler.connection.close()
    expect(contract, "case", {"body": {}})
    ended = probe.run()
    assert (ended.code, ended.reason) == (2, "ContractFailed")
    assert "got no answer" in ended.message


@pytest.mark.slow
def test_contract_too_slow(probe: Command, site: Site, contract: Path) -> None:
    """A case has a time limit of its own."""
    gate = threading.Event()
    site.pages[INFER] = lambda _: gate.wait(60)  # type: ignore[assignment]
    expect(contract, "case", {"body": {}})
    ended = probe.given("--case-timeout", "200ms").run()
    gate.set()
    assert (ended.code, ended.reason) == (2, "ContractFailed")
    assert "no answer in time" in ended.message


@pytest.mark.parametrize("text", ["{", '{"request": {"path": "http://other/"}}', None])
def test_contract_malformed(probe: Command, contract: Path, text: str | None) -> None:
    """A contract that can't be read, or has no case, is told before the server is waited for."""
    if text is not None:
        (contract / "bad.json").write_text(text)
    ended = probe.run()
    assert (ended.code, ended.reason) == (2, "InvalidContract")


def test_contract_not_mounted(probe: Command, tmp_path: Path) -> None:
    """A contract that isn't there never passes for an empty one."""
    ended = probe.given("--contract", str(tmp_path / "none")).run()
    assert (ended.code, ended.reason) == (2, "InvalidContract")


@pytest.mark.parametrize("arguments", [[], ["--url", "ftp://x", "--model-name", "m"], ["--model-name", "m", "--what"]])
def test_wrong_arguments(tmp_path: Path, arguments: list[str]) -> None:
    """A wrong command line is an outcome like any other."""
    ended = Command("probe", tmp_path).given(*arguments).run()
    assert (ended.code, ended.reason) == (2, "InvalidArguments")
