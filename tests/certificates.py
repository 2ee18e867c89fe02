"""A CA of a test's own, and a certificate of 127.0.0.1 that it vouches for; by openssl."""

import subprocess
from pathlib import Path

SCRIPT = """
openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=test-ca -keyout ca.key -out ca.pem
openssl req -newkey rsa:2048 -nodes -subj /CN=127.0.0.1 -keyout key -out request
echo subjectAltName=IP:127.0.0.1 > extensions
openssl x509 -req -in request -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out leaf
cat key leaf > tls.pem
"""


def issued(folder: Path) -> Path:
    """Key and certificate in one file; `ca.pem` beside it vouches for them, `key` and `leaf` are the parts."""
    subprocess.run(["sh", "-ec", SCRIPT], cwd=folder, check=True, capture_output=True)
    return folder / "tls.pem"
