"""Where an artifact is fetched from, and for which places a set of credentials may be used. Pure."""

from linnet.api.parts.uri import SUPPORTED, Location, NotYetSupportedError, UriError, one_of, told
from linnet.fetcher.command.outcome import Failure, Reason
from linnet.fetcher.credentials import Credentials

_NAMES = {"Secret": "allowedPrefix", "ServiceAccount": "annotation linnet.dev/allowed-prefix"}
_MISSING = {
    "Secret": "has no key allowedPrefix; add it, such as s3://bucket/models/, or name another",
    "ServiceAccount": "has no annotation linnet.dev/allowed-prefix; its owner adds it, such as s3://bucket/models/",
}


def location_of(uri: str) -> Location:
    """Read a URI. Raises Failure with reason InvalidURI, or NotYetSupported for a scheme that is only reserved."""
    try:
        return Location.parse(uri)
    except NotYetSupportedError as error:
        message = f"{told(uri)}: {error}; copy the artifact to {one_of(f'{scheme}://' for scheme in SUPPORTED)}"
        raise Failure(Reason.NOT_YET_SUPPORTED, message) from error
    except UriError as error:
        raise Failure(Reason.INVALID_URI, f"{told(uri)} can't be used: {error}") from error


def check_credentials(location: Location, credentials: Credentials) -> None:
    """Refuse to use somebody's credentials for a URI that their owner did not name.

    Raises Failure(CredentialsNotAllowed). Naming a Secret or an account in a Model must not gain anything by itself.
    """
    if not credentials.owner:
        return
    if not credentials.allowed_prefix:
        raise _refused(location, credentials, _MISSING[credentials.owner])
    try:
        prefix = location_of(credentials.allowed_prefix)
    except Failure as failure:
        why = f"has an {_NAMES[credentials.owner]} that is no URI to compare with: {failure}"
        raise _refused(location, credentials, why) from failure
    if not location.within(prefix):
        why = f"allows {prefix.told} only; use a URI below it, or other credentials"
        raise _refused(location, credentials, why)


def _refused(location: Location, credentials: Credentials, why: str) -> Failure:
    return Failure(Reason.CREDENTIALS_NOT_ALLOWED, f"{location.told}: its credentials {credentials.owner} {why}")
