"""Where an artifact is fetched from, and for which places a set of credentials may be used. Pure."""

from linnet.api.parts.uri import SUPPORTED, Location, NotYetSupportedError, UriError, one_of, shown
from linnet.fetcher.command.outcome import Failure, Reason


def location_of(uri: str) -> Location:
    """Read a URI. Raises Failure with reason InvalidURI, or NotYetSupported for a scheme that is only reserved."""
    try:
        return Location.parse(uri)
    except NotYetSupportedError as error:
        message = f"{shown(uri)}: {error}; copy the artifact to {one_of(f'{scheme}://' for scheme in SUPPORTED)}"
        raise Failure(Reason.NOT_YET_SUPPORTED, message) from error
    except UriError as error:
        raise Failure(Reason.INVALID_URI, f"{shown(uri)} can't be used: {error}") from error


def check_credentials(location: Location, *, used: bool, allowed_prefix: str) -> None:
    """Refuse to use somebody's credentials for a URI that their owner did not name.

    Raises Failure(CredentialsNotAllowed). Naming a Secret in a Model must not gain anything by itself.
    """
    if not used:
        return
    if not allowed_prefix:
        raise _refused(location, "has no key allowedPrefix; add it, such as s3://bucket/models/, or name another")
    try:
        prefix = location_of(allowed_prefix)
    except Failure as failure:
        raise _refused(location, f"has an allowedPrefix that is no URI to compare with: {failure}") from failure
    if not location.within(prefix):
        raise _refused(location, f"allows {prefix.shown} only; use a URI below it, or other credentials")


def _refused(location: Location, why: str) -> Failure:
    return Failure(Reason.CREDENTIALS_NOT_ALLOWED, f"{location.shown}: its credentials Secret {why}")
