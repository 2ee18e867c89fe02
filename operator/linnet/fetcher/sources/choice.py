"""The choice of the source that reads a URI; what its scheme may say stands in `api/parts/uri.py`."""

from typing import assert_never

from linnet.api.parts.uri import Location, Scheme
from linnet.fetcher.command.outcome import Failure, Reason
from linnet.fetcher.order import Order
from linnet.fetcher.sources.source import Source


def open_source(location: Location, order: Order) -> Source:
    """The source that reads `location`. Raises Failure where the order does not let it be opened.

    A source is imported only when its scheme is asked for: an init container waits for what it imports.
    """
    match location.scheme:
        case Scheme.S3:
            from linnet.fetcher.sources import s3

            return s3.open_source(location, order)
        case Scheme.HTTP | Scheme.HTTPS:
            from linnet.fetcher.sources import http

            return http.open_source(location, order)
        case Scheme.PVC:
            from linnet.fetcher.sources import pvc

            return pvc.open_source(location, order)
        case Scheme.GS | Scheme.AZ | Scheme.HF | Scheme.OCI:
            raise Failure(Reason.NOT_YET_SUPPORTED, f"{location.told}: {location.scheme}:// is not supported yet")
        case _:
            assert_never(location.scheme)
