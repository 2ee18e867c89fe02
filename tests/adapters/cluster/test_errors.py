"""Errors: one class for each thing that callers branch on, with the API server's words."""

import json
from typing import Any

import aiohttp
import pytest
from kubernetes.aio.client.exceptions import ApiException

from linnet.adapters.cluster import errors


def answer(code: int, **status: Any) -> ApiException:
    found = ApiException(status=code, reason="x", body=json.dumps({"kind": "Status", "code": code, **status}))
    found.headers = {}
    return found


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (400, "BadRequest", errors.InvalidError),
        (403, "Forbidden", errors.ForbiddenError),
        (404, "NotFound", errors.NotFoundError),
        (409, "Conflict", errors.ConflictError),
        (409, "AlreadyExists", errors.AlreadyExistsError),
        (410, "Expired", errors.GoneError),
        (422, "Invalid", errors.InvalidError),
        (401, "Unauthorized", errors.UnavailableError),
        (429, "TooManyRequests", errors.UnavailableError),
        (500, "InternalError", errors.UnavailableError),
        (504, "Timeout", errors.UnavailableError),
    ],
)
def test_each_answer_has_its_class(code: int, reason: str, kind: type[errors.KubeError]) -> None:
    """The message is the API server's own, and the cause is kept."""
    caught = answer(code, reason=reason, message="what the server said")
    with pytest.raises(kind, match="what the server said") as raised, errors.translated("get models"):
        raise caught
    assert type(raised.value) is kind
    assert raised.value.__cause__ is caught


def test_a_refusal_names_the_first_wrong_field() -> None:
    """So that a condition can point at it."""
    causes = [{"reason": "FieldValueRequired", "field": "<nil>"}, {"field": "spec.template.spec.affinity"}]
    found = errors.from_api(answer(422, message="invalid", details={"causes": causes}))
    assert isinstance(found, errors.InvalidError)
    assert found.field == "spec.template.spec.affinity"


def test_the_server_says_when_to_come_back() -> None:
    """Retry-After is kept, in seconds, from the header or from the status."""
    throttled = answer(429, message="slow down")
    throttled.headers = {"Retry-After": "7"}
    assert errors.from_api(throttled).retry_after == 7  # type: ignore[attr-defined]
    busy = answer(500, message="busy", details={"retryAfterSeconds": 3})
    assert errors.from_api(busy).retry_after == 3  # type: ignore[attr-defined]


def test_an_answer_that_is_no_status_is_still_an_error_of_ours() -> None:
    """A proxy answers with a web page."""
    page = ApiException(status=502, reason="Bad Gateway", body="<html>")
    assert str(errors.from_api(page)) == "502 Bad Gateway"


@pytest.mark.parametrize(
    ("code", "body"),
    [
        (503, '{"details": "overloaded"}'),
        (422, '{"details": {"causes": ["x", {"field": 7}, null]}}'),
        (422, '{"details": {"causes": 7}}'),
        (429, '{"details": {"retryAfterSeconds": [3]}, "message": {"so": "much"}}'),
        (500, "[" * 100_000),
        (500, b"\xff\xfe"),
        (0, None),
    ],
)
def test_whatever_stands_in_an_answer_it_becomes_an_error_of_ours(code: int, body: str | bytes | None) -> None:
    """Somebody between us and the API server may answer in its name: that ends no lease and no reconcile."""
    odd = ApiException(status=code, reason="x")
    odd.body, odd.headers = body, {}
    assert isinstance(errors.from_api(odd), errors.InvalidError if code == 422 else errors.UnavailableError)


@pytest.mark.parametrize(
    "error", [aiohttp.ServerDisconnectedError(), ConnectionRefusedError("refused"), TimeoutError()]
)
def test_a_broken_connection_is_unavailable(error: Exception) -> None:
    """Nobody can tell whether the call was done: it is tried again."""
    with pytest.raises(errors.UnavailableError, match="apply services"), errors.translated("apply services"):
        raise error
