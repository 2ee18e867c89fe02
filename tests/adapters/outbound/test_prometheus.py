"""Asking a real Prometheus: one value, none, several, and every way in which there is no answer."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

import certificates
import prometheus_server
from linnet.adapters.outbound.prometheus import Prometheus
from linnet.api.parts.prometheus import PrometheusServer
from linnet.core.analysis.prometheus.query_template import Question
from linnet.core.analysis.prometheus.response import Answer, Failure, NoValue, Value

pytestmark = pytest.mark.integration

SERIES = """\
http_success_ratio{pod="risk-v2-a"} 0.97
http_success_ratio{pod="risk-v1-a"} 0.99
http_success_ratio{pod="risk-v1-b"} 1
"""
PATIENT = 60.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[prometheus_server.Prometheus]:
    with prometheus_server.running(tmp_path_factory.mktemp("prometheus")) as running:
        running.exporter.text = SERIES
        running.until("count(http_success_ratio)", "3")
        yield running


def configured(url: str, **fields: object) -> PrometheusServer:
    return PrometheusServer.model_validate({"url": url, "timeout": "30s", **fields})


async def told(server: PrometheusServer, text: str, counted: list[tuple[str, str]] | None = None) -> Answer:
    """The answer to one question."""
    counts = [] if counted is None else counted
    asking = Prometheus(server, lambda query, outcome: counts.append((query, outcome)), PATIENT)
    question = Question("uid", "slo", "http-success", text)
    try:
        return (await asking.ask([question]))[question]
    finally:
        await asking.close()


async def test_one_series_is_its_value(server: prometheus_server.Prometheus) -> None:
    """The number that the exporter told, and when."""
    said = await told(configured(server.url), 'http_success_ratio{pod=~"risk-v2-.*"}')
    assert isinstance(said, Value)
    assert said.value == 0.97
    assert said.at > 0


@pytest.mark.parametrize(
    ("query", "answer"),
    [
        ("scalar(vector(0.5))", None),
        ("http_success_ratio{pod=~'risk-v3-.*'}", NoValue("the query found no series")),
        ("vector(0) / vector(0)", NoValue("the query gives NaN, which is 0/0 where there were no requests")),
        ("vector(1) / vector(0)", Failure("the query gives +Inf, which is no measurement")),
        (
            "http_success_ratio{pod=~'risk-v1-.*'}",
            Failure("the query found 2 series, and must find one: aggregate them, such as by sum()"),
        ),
        ("http_success_ratio[1m]", Failure("the query gives a matrix, and must give one number")),
        ('"text"', Failure("the query gives a string, and must give one number")),
    ],
    ids=["scalar", "empty", "nan", "infinite", "two series", "matrix", "string"],
)
async def test_what_is_no_single_number_is_named(
    server: prometheus_server.Prometheus, query: str, answer: Answer | None
) -> None:
    """Two series are not reduced to the last one (Flagger does that)."""
    said = await told(configured(server.url), query)
    assert said == answer if answer is not None else isinstance(said, Value)


async def test_bad_promql_is_a_failure_in_the_servers_words(server: prometheus_server.Prometheus) -> None:
    """The platform's engineer reads where the mistake is; the failure is counted."""
    counted: list[tuple[str, str]] = []
    said = await told(configured(server.url), "sum(rate(", counted)
    assert isinstance(said, Failure)
    assert said.problem.startswith("the server answered 400: bad_data: ")
    assert "parse error" in said.problem
    assert counted == [("http-success", "error")]


async def test_a_wrong_token_is_a_failure_without_the_token(tmp_path: Path) -> None:
    """A server with users refuses, and what is told names no secret."""
    token = tmp_path / "token"
    token.write_text("canary-token\n")
    hash_ = "$2b$04$5zGmNkiAdMyLuR3VAcE1w.Tl6y9l7iCTdZtwXg3y0gFYLxRYlIKQW"
    folder = tmp_path / "prometheus"
    folder.mkdir()
    with prometheus_server.running(folder, basic_auth_users={"somebody": hash_}) as guarded:
        said = await told(configured(guarded.url, tokenFile=str(token)), "vector(1)")
    assert said == Failure("the server answered 401: it wants another token, or another tenant")


async def test_a_certificate_is_trusted_by_the_platforms_ca_alone(tmp_path: Path) -> None:
    """Without the CA nothing is sent, not even the token."""
    leaf = certificates.issued(tmp_path)
    folder = tmp_path / "prometheus"
    folder.mkdir()
    tls = {"cert_file": str(tmp_path / "leaf"), "key_file": str(tmp_path / "key")}
    with prometheus_server.running(folder, ca=leaf.parent / "ca.pem", tls_server_config=tls) as server:
        trusted = await told(configured(server.url, caFile=str(tmp_path / "ca.pem")), "vector(1)")
        stranger = await told(configured(server.url), "vector(1)")
        lost = await told(configured(server.url, caFile=str(tmp_path / "none")), "vector(1)")
    assert isinstance(trusted, Value)
    assert stranger == Failure("the server can't be trusted: no known CA vouches for its certificate")
    assert lost == Failure("the server can't be asked: the file of CA certificates can't be read")


@asynccontextmanager
async def gate(behind: str) -> AsyncIterator[str]:
    """A proxy as platforms have it: lets one tenant with the right token through. Its url."""

    async def pass_on(request: web.Request) -> web.Response:
        known = request.headers.get("Authorization") == "Bearer right"
        if not known or request.headers.get("X-Scope-OrgID") != "models":
            return web.Response(status=403)
        async with aiohttp.ClientSession() as session, session.get(f"{behind}{request.path_qs}") as answer:
            return web.Response(status=answer.status, body=await answer.read())

    async def lead_astray(_: web.Request) -> web.Response:
        raise web.HTTPFound(f"{behind}/api/v1/query?query=1")

    async def flood(_: web.Request) -> web.Response:
        return web.Response(body=b" " * 2**20)

    app = web.Application()
    app.router.add_get("/api/v1/query", pass_on)
    app.router.add_get("/astray/api/v1/query", lead_astray)
    app.router.add_get("/flood/api/v1/query", flood)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_token_and_tenant_are_sent(server: prometheus_server.Prometheus, tmp_path: Path) -> None:
    """The token is read for each query: a Secret that changes needs no restart."""
    token = tmp_path / "token"
    async with gate(server.url) as url:
        asked = configured(url, tokenFile=str(token), headers={"X-Scope-OrgID": "models"})
        missing = await told(asked, "vector(1)")
        token.write_text("right\n")
        assert isinstance(await told(asked, "vector(1)"), Value)
    assert missing == Failure("the server can't be asked: the token's file can't be read")


async def test_a_redirect_is_not_followed_and_a_flood_not_read(server: prometheus_server.Prometheus) -> None:
    """The token goes to nobody but the server that the platform named."""
    async with gate(server.url) as url:
        assert await told(configured(f"{url}/astray"), "1") == Failure(
            "the server answered 302, and not as Prometheus does"
        )
        assert await told(configured(f"{url}/flood"), "1") == Failure(
            "the server can't be asked: answered more than 256 KiB"
        )


async def test_a_stopped_server_is_a_failure_and_a_started_one_answers(tmp_path: Path) -> None:
    """The sentence names no address, and the next question is asked anew."""
    with prometheus_server.running(tmp_path) as server:
        asking = Prometheus(configured(server.url), lambda *_: None, PATIENT)
        question = Question("uid", "slo", "q", "vector(1)")
        before = (await asking.ask([question]))[question]
        server.stop()
        away = (await asking.ask([question]))[question]
        server.start()
        after = (await asking.ask([question]))[question]
        await asking.close()
    assert isinstance(before, Value)
    assert away == Failure("the server can't be reached: Connection refused")
    assert isinstance(after, Value)


async def test_a_server_that_says_nothing_holds_nobody_up() -> None:
    """A look goes on without the answer; after the time limit it is a failure."""

    over = asyncio.Event()

    async def silent(_: web.Request) -> web.Response:
        await over.wait()
        return web.Response()

    app = web.Application()
    app.router.add_get("/api/v1/query", silent)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    question = Question("uid", "slo", "q", "vector(1)")
    asked = configured(f"http://127.0.0.1:{runner.addresses[0][1]}", timeout="1s")
    asking = Prometheus(asked, lambda *_: None, patience=0.01)
    first = await asking.ask([question])
    asking._in_flight.seconds = PATIENT
    second = await asking.ask([question])
    await asking.close()
    over.set()
    await runner.cleanup()
    assert first == {}
    assert second == {question: Failure("the server did not answer within 1 s")}
