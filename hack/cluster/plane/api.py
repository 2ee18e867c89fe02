"""A few calls to an API server with the standard library, for readiness and the cluster's own objects."""

import json
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

TIMEOUT = 5.0


class Client:
    """Talks to one API server as one client certificate."""

    def __init__(self, url: str, pki: Path, identity: str) -> None:
        self.url = url
        self.context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
        self.context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        self.context.load_cert_chain(pki / f"{identity}.crt", pki / f"{identity}.key")
        proxies = urllib.request.ProxyHandler({})
        self.opener = urllib.request.build_opener(proxies, urllib.request.HTTPSHandler(context=self.context))

    def request(self, method: str, path: str, body: Any = None, content: str = "application/json") -> bytes:
        """The raw answer; raises urllib.error.HTTPError for a refusal and OSError where nobody answers.

        A body of bytes is sent as it is, any other as JSON.
        """
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Content-Type": content}
        asked = urllib.request.Request(self.url + path, data=data, method=method, headers=headers)
        with self.opener.open(asked, timeout=TIMEOUT) as answer:
            return bytes(answer.read())

    def exists(self, path: str) -> bool:
        """Whether a GET succeeds, now."""
        try:
            self.request("GET", path)
        except (OSError, urllib.error.URLError):
            return False
        return True

    def get(self, path: str) -> Any:
        return json.loads(self.request("GET", path))

    def apply(self, path: str, body: Any) -> None:
        """Server-side apply of one object, or of its YAML in bytes."""
        query = "?fieldManager=linnet-cluster&force=true"
        self.request("PATCH", path + query, body, "application/apply-patch+yaml")
