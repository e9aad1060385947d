"""Authorities and certificates, put where a server looks as the kubelet puts them there."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

DAYS = 90


def _name(common):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _begun(subject, issuer, key, signer, days):
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # One that ends in the past began before it.
        .not_valid_before(now - timedelta(days=2 * DAYS))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )


class Authority:
    """Signs certificates, as an Issuer of cert-manager does. ``days``: how long it is valid."""

    def __init__(self, name, *, key=None, days=3650):
        self.name = name
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        begun = _begun(name, name, self.key, self.key, days)
        usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=True, crl_sign=True, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        begun = begun.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        self.certificate = begun.add_extension(usage, critical=True).sign(self.key, SHA256())

    def renewed(self, *, days=3650):
        """Return the same authority with a new certificate: its key stays."""
        return Authority(self.name, key=self.key, days=days)

    @property
    def pem(self):
        return self.certificate.public_bytes(Encoding.PEM)

    def issue(self, name="localhost", *, days=DAYS):
        """Return a certificate for a host of this name, or for a login of it."""
        key = ec.generate_private_key(ec.SECP256R1())
        begun = _begun(name, self.name, key, self.key, days)
        names = x509.SubjectAlternativeName([x509.DNSName(name)])
        begun = begun.add_extension(names, critical=False)
        begun = begun.add_extension(
            x509.BasicConstraints(ca=False, path_length=None), critical=True
        )
        return Issued(begun.sign(self.key, SHA256()), key, self)


class Issued:
    """A certificate, its key, and who signed it."""

    def __init__(self, certificate, key, authority):
        self.certificate, self.authority = certificate, authority
        self.serial = certificate.serial_number
        self.pem = certificate.public_bytes(Encoding.PEM)
        self.key = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Mounted:
    """A folder ``tls.crt``, ``tls.key``, ``ca.crt``, all three changed in one moment.

    As the kubelet mounts a Secret: the names are links through ``..data``, and that one moves.
    """

    def __init__(self, folder, account, issued):
        self.folder = Path(folder)
        self.account = account
        self.folder.mkdir(mode=0o755)
        self._count = 0
        self.put(issued)
        for name in ("tls.crt", "tls.key", "ca.crt"):
            (self.folder / name).symlink_to(f"..data/{name}")

    def put(self, issued):
        """Mount another certificate."""
        self._count += 1
        new = self.folder / f"..{self._count}"
        new.mkdir(mode=0o755)
        for name, content in (
            ("tls.crt", issued.pem), ("tls.key", issued.key), ("ca.crt", issued.authority.pem),
        ):  # fmt: skip
            file = new / name
            file.touch(mode=0o600)
            file.write_bytes(content)
            if self.account:
                # Root's, and its group may read it: so it is in a pod, too.
                os.chown(file, 0, self.account.gid)
                file.chmod(0o440)
        link = self.folder / "..new"
        link.symlink_to(new.name)
        link.rename(self.folder / "..data")

    @property
    def certificate(self):
        return self.folder / "tls.crt"

    @property
    def key(self):
        return self.folder / "tls.key"


class Trusted:
    """The file of authorities that clients trust; ``PGSSLROOTCERT`` and ``REDIS_SSLROOTCERT``."""

    def __init__(self, file, *authorities):
        self.file = Path(file)
        self.put(*authorities)

    def put(self, *authorities):
        """Trust these from the next connection on."""
        new = self.file.with_suffix(".new")
        new.write_bytes(b"".join(authority.pem for authority in authorities))
        new.chmod(0o644)
        new.rename(self.file)
