"""Certificates that Kubernetes' parts and their clients accept."""

import json
import ssl
import stat
import subprocess
from pathlib import Path

import pytest
from hack.cluster.plane import pki


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pki.make(tmp_path_factory.mktemp("pki") / "made", pki.LOOPBACK)


def text(path: Path) -> str:
    command: list[str | Path] = [
        "openssl",
        "x509",
        "-in",
        path,
        "-noout",
        "-subject",
        "-ext",
        "subjectAltName,extendedKeyUsage",
    ]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def test_each_certificate_is_the_authoritys(made: Path) -> None:
    """Every identity's certificate verifies against the authority that was made with it."""
    leaves = [str(made / f"{identity.name}.crt") for identity in pki.LOOPBACK]
    done = subprocess.run(["openssl", "verify", "-CAfile", made / "ca.crt", *leaves], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def test_the_administrator_is_in_the_group_of_masters(made: Path) -> None:
    """Kubernetes reads the group from O and the user from CN."""
    assert "O = system:masters, CN = linnet-admin" in text(made / "admin.crt")


def test_the_servers_certificate_names_its_addresses(made: Path) -> None:
    """Clients on loopback and pods by the Service's name both find their name in it."""
    said = text(made / "apiserver.crt")
    assert "IP Address:127.0.0.1" in said
    assert "DNS:kubernetes.default.svc" in said
    assert "TLS Web Server Authentication" in said


def test_keys_are_private(made: Path) -> None:
    """Nobody else on the machine can read the folder that holds the keys."""
    assert stat.S_IMODE(made.stat().st_mode) == 0o700


def test_a_kubeconfig_carries_its_certificates(made: Path, tmp_path: Path) -> None:
    """It works on its own wherever it is copied to, and is readable by its owner alone."""
    path = pki.kubeconfig(tmp_path / "deep" / "kubeconfig", "https://127.0.0.1:1", made, "admin")
    config = json.loads(path.read_text())
    assert config["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:1"
    assert config["users"][0]["user"].keys() == {"client-certificate-data", "client-key-data"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_python_clients_accept_the_authority(made: Path) -> None:
    """OpenSSL loads authority and client key as the tests' own clients do."""
    context = ssl.create_default_context(cafile=str(made / "ca.crt"))
    context.load_cert_chain(made / "admin.crt", made / "admin.key")
    assert len(context.get_ca_certs()) == 1


def test_two_makers_at_once_leave_one_whole_folder(made: Path) -> None:
    """Two control planes that start at the same time share one authority, whoever is first."""
    before = (made / "ca.crt").read_bytes()
    assert pki.make(made, pki.LOOPBACK) == made
    assert (made / "ca.crt").read_bytes() == before
    assert [path.name for path in made.parent.iterdir()] == ["made"]
