"""URIs with a secret in every place that a person may put one: whatever is told of them, no canary may be in it."""

from linnet.api.parts.uri import Scheme

CANARY = "canary-6f1e"
_PLACES = (
    "{scheme}://{secret}@host/models/1",
    "{scheme}://user:{secret}@host/models/1",
    "{scheme}://user:{secret}/half@host/models/1",
    "{scheme}://user:{secret}?half@host/models/1",
    "{scheme}://user:{secret}#half@host/models/1",
    "{scheme}://user:{secret}@half@host/models/1",
    "{scheme}://host/models/1?signature={secret}",
    "{scheme}://host/models/1?{secret}",
    "{scheme}://host?sig={secret}",
    "{scheme}://host/models/1#{secret}",
)
URIS = [place.format(scheme=scheme, secret=CANARY) for scheme in (*Scheme, "ftp", "HTTPS") for place in _PLACES]
"""For every scheme of the table, one that is none, and one that is written in capitals."""
