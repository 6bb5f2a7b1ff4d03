"""``tidegate bundle``: everything that a machine without a network needs, in one file that can be verified."""

from __future__ import annotations

import gzip
import hashlib
import io
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cyclopts import Parameter

import tidegate
from tidegate.faults import ToldError

SUMS, SIGNATURE, SIGNER = "SHA256SUMS", "SHA256SUMS.sig", "signer.pem"
LOCK, BOM = "requirements.lock", "bom.json"
_FOLDERS = ("docs", "deploy")
_TEXTS = (LOCK, BOM, "README.md", "SECURITY.md", "CHANGELOG.md", "LICENSE")
_INSTALL = """#!/bin/sh
# sh install.sh [DIRECTORY]: checks every file, then installs into a new environment; nothing is fetched.
set -eu
cd "$(dirname "$0")"
sha256sum --quiet --check SHA256SUMS
where=${1:-/opt/tidegate}
"${PYTHON:-python3}" -m venv "$where"
"$where/bin/pip" install --quiet --no-index --find-links wheels --require-hashes -r requirements.lock
"$where/bin/pip" install --quiet --no-index --no-deps wheels/tidegate-*.whl
mkdir -p "$where/share/doc" && cp -R docs "$where/share/doc/tidegate"
"$where/bin/tidegate" version
"""


class BundleError(ToldError):
    """It cannot be written; the message says what to do."""


def bundle(
    output: Annotated[Path | None, Parameter(help="The file to write; tidegate-VERSION.tar.gz if not given.")] = None,
    /,
    *,
    source: Annotated[Path, Parameter(help="A checkout of tidegate.")] = Path(),
    wheels: Annotated[
        Path | None,
        Parameter(help="A folder with all wheels and tidegate's; not given: they are fetched and built."),
    ] = None,
    sign: Annotated[
        Path | None,
        Parameter(help="PEM of the Ed25519 key (openssl genpkey -algorithm ed25519) that signs it."),
    ] = None,
) -> None:
    """Write the air-gap kit: wheels, their hashes, docs, bill of materials, checksums and a signature.

    For machines of this one's kind and version of Python. On the other side: `sh install.sh /opt/tidegate`.
    """
    path = output or Path(f"tidegate-{tidegate.__version__}.tar.gz")
    key = None if sign is None else _key(sign)
    with tempfile.TemporaryDirectory(prefix="tidegate-bundle-") as folder:
        found = wheels or _fetched(source, Path(folder))
        held = dict(_files(source, found))
    held |= _sealed(held, key)
    path.write_bytes(_packed(held, path.name.removesuffix(".tar.gz")))
    print(f"{path}: {len(held)} files, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}")
    if key is not None:
        print(f"Verify: openssl pkeyutl -verify -pubin -inkey {SIGNER} -rawin -in {SUMS} -sigfile {SIGNATURE}")


def _key(path: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError) as error:
        raise BundleError(f"{path} holds no private key without a password: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise BundleError(f"{path} holds no Ed25519 key: openssl genpkey -algorithm ed25519 -out {path}")
    return key


def _fetched(source: Path, folder: Path) -> Path:
    """The wheels that the lock file names, each by its hash, and tidegate's own."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    fetch = ["download", "--quiet", "--only-binary", ":all:", "--require-hashes", "--dest", folder]
    for command in ([*fetch, "--requirement", source / LOCK], ["wheel", "--quiet", "--no-deps", "-w", folder, source]):
        done = subprocess.run([*pip, *map(str, command)], capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise BundleError(f"pip {command[0]} failed:\n{done.stderr.strip()}")
    return folder


def _files(source: Path, wheels: Path) -> Iterator[tuple[str, bytes]]:
    missing = [name for name in (*_TEXTS, *_FOLDERS) if not (source / name).exists()]
    if missing:
        raise BundleError(
            f"{source.resolve()} is no checkout of tidegate ({', '.join(missing)} are not there): --source"
        )
    for name in _TEXTS:
        yield name, (source / name).read_bytes()
    for folder in _FOLDERS:
        for path in sorted(path for path in (source / folder).rglob("*") if path.is_file()):
            yield path.relative_to(source).as_posix(), path.read_bytes()
    found = sorted(wheels.glob("*.whl"))
    if not any(path.name.startswith("tidegate-") for path in found):
        raise BundleError(f"{wheels} holds no wheel of tidegate")
    for path in found:
        yield f"wheels/{path.name}", path.read_bytes()
    yield "install.sh", _INSTALL.encode()


def _sealed(held: dict[str, bytes], key: Ed25519PrivateKey | None) -> dict[str, bytes]:
    """Checksums as ``sha256sum --check`` reads them, and their signature."""
    sums = "".join(
        f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in sorted(held.items())
    ).encode()
    if key is None:
        return {SUMS: sums}
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return {SUMS: sums, SIGNATURE: key.sign(sums), SIGNER: public}


def _packed(held: dict[str, bytes], top: str) -> bytes:
    """The same bytes whenever and by whomever it is packed."""
    out = io.BytesIO()
    with gzip.GzipFile(fileobj=out, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in sorted(held.items()):
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size, entry.mode = len(content), 0o755 if name.endswith(".sh") else 0o644
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()
