"""What the errors of the S3 library mean."""

import pytest

from linnet.fetcher.sources import s3_errors


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x - Server returned non-2xx status code: 503 Slow: <Error><Code>SlowDown</Code></Error>", None),
        ("x - Server returned non-2xx status code: 429 Busy: ", None),
        ("x - Server returned non-2xx status code: 400 Bad: <Error><Code>ExpiredToken</Code></Error>", "Unauthorized"),
        ("x - Server returned non-2xx status code: 400 Bad: <Error><Code>InvalidArgument</Code></Error>", "Rejected"),
        ("x - Received redirect without LOCATION\n inner: BareRedirect,", "Rejected"),
        ("Generic: GET https://sts.test/?WebIdentityToken=canary went wrong", None),
    ],
)
def test_s3_errors(text: str, reason: str | None) -> None:
    """What may pass is tried again, what may not is named, and no address is repeated."""
    found = s3_errors.explain(RuntimeError(text), "s3://bucket/x", anonymous=False)
    assert getattr(found, "reason", None) == reason
    assert "canary" not in str(found)
