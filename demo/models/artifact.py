r"""An artifact's tree: its digest, as Linnet computes it, and its way into the store.

Standard library only, but for the S3 client where the store is S3, so that it can be tested without scikit-learn.
"""

import hashlib
import math
import os
from collections.abc import Mapping
from pathlib import Path

LIMIT = 50.0
"""Log-odds are cut here: a tree ensemble may answer exactly 0 or 1."""


def digest(files: Mapping[str, bytes]) -> str:
    r"""The sha256 of the sorted lines "<sha256 of the file>  <path>\n", as `linnet digest` prints it."""
    lines = sorted(f"{hashlib.sha256(content).hexdigest()}  {path}\n" for path, content in files.items())
    return "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def log_odds(no: float, yes: float) -> float:
    """Natural logarithm of yes/no, six places."""
    if not no or not yes:
        return LIMIT if yes else -LIMIT
    return round(math.log(yes / no), 6)


def write(uri: str, files: Mapping[str, bytes]) -> None:
    """Put the files below `uri`: s3:// by the AWS_* variables, or else a folder of this machine."""
    if not uri.startswith("s3://"):
        Path(uri).mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            (Path(uri) / path).write_bytes(content)
        return
    from obstore.store import S3Store

    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    os.environ |= mounted()
    plain = os.environ.get("AWS_ALLOW_HTTP", "").lower() == "true"
    store = S3Store(bucket, prefix=prefix, client_options={"allow_http": plain})
    for path, content in files.items():
        store.put(path, content)


def mounted() -> dict[str, str]:
    """The store's AWS_* variables, which a RetrainPolicy's Job has as files of its Secret."""
    folder = os.environ.get("LINNET_CREDENTIALS")
    return {file.name: file.read_text() for file in Path(folder).glob("AWS_*")} if folder else {}
