"""One authority after another, while devices go on connecting.

A successor issues what devices get from now on. The server's own certificates stay with the old authority until it is
retired, because a device can only know the new one once it has the new ``ca.pem``. After that devices' certificates of
the old one still count: whether each is known and ACTIVE is asked anyway.

Every file is replaced as a whole, and whatever files a crash leaves behind are a state that works: a key signs if it
has its certificate in ``ca.pem``, a certificate without key is merely trusted. Done again, each step goes on where it
ended.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from tidegate import files
from tidegate.clock import Ids, Millis
from tidegate.pki import authority, certificates, chains
from tidegate.pki.authority import KEY, OLD, RENEW_BEFORE, RETIRED, RSA_KEY, SigningKey
from tidegate.pki.certificates import InvalidCertificateError
from tidegate.pki.chains import Chain


def rotate(directory: Path, *, now: Millis, ids: Ids) -> None:
    """Make a successor of each authority. Raises ``InvalidCertificateError``: nothing is there, or not retired."""
    with authority.locked(directory):
        present = authority.load(directory)
        if KEY not in present:
            raise InvalidCertificateError(f"{directory} has no authority yet: the first start makes one")
        names = [name for name in (KEY, RSA_KEY) if name in present and not _succeeded(directory, name)]
        if not names:
            raise InvalidCertificateError("the authority before this one is not retired yet: --retire")
        made = {name: authority.new_key(name) for name in names}
        _add(directory, [authority.self_signed(name, key, now, ids) for name, key in made.items()])
        for name, key in made.items():
            _succeed(directory, name, key)


def bring(directory: Path, chain: Chain, *, now: Millis) -> None:
    """Have an authority of the operator's issue, an intermediate as a rule.

    Raises:
        InvalidCertificateError: it is none, cannot be used, or the one before the present one is not retired yet.
    """
    found = chains.authority(chain, now)
    if found[0].not_valid_after_utc < datetime.fromtimestamp(now / 1000, UTC) + RENEW_BEFORE:
        raise InvalidCertificateError(f"{chain.certificate} ends at {found[0].not_valid_after_utc:%Y-%m-%d}: too soon")
    directory.mkdir(parents=True, exist_ok=True)
    with authority.locked(directory):
        present = authority.load(directory)
        if KEY in present and present[KEY].certificate == found[0]:
            return
        if KEY in present and _succeeded(directory, KEY):
            raise InvalidCertificateError("the authority before the present one is not retired yet: rotate --retire")
        _add(directory, found)
        _succeed(directory, KEY, authority.read_key(chain.key))


def retire(directory: Path) -> int:
    """Sign nothing with old authorities and drop them from ``ca.pem``; how many. Devices' certificates still count."""
    with authority.locked(directory):
        present = authority.load(directory)
        stay = [each for name in (KEY, RSA_KEY) if name in present for each in _whole(present[name])]
        gone = [each for each in authority.bundle(directory) if each not in stay]
        path = directory / RETIRED
        before = x509.load_pem_x509_certificates(path.read_bytes()) if path.exists() else []
        if gone:
            files.replace(path, _pem([*before, *gone]), mode=0o644)
        for name in OLD.values():
            (directory / name).unlink(missing_ok=True)
        authority.write_bundle(directory, stay)
    return len(gone)


def _succeeded(directory: Path, name: str) -> bool:
    """Whether a key has an older one beside it, which is not merely its copy."""
    old = directory / OLD[name]
    return old.exists() and old.read_bytes() != (directory / name).read_bytes()


def _add(directory: Path, made: Iterable[x509.Certificate]) -> None:
    # The old ones first: whoever reads only the first certificate needs the one that signs the server's.
    authority.write_bundle(directory, [*authority.bundle(directory), *made])


def _succeed(directory: Path, name: str, key: SigningKey) -> None:
    present, old = directory / name, directory / OLD[name]
    if present.exists():
        old.unlink(missing_ok=True)
        os.link(present, old)
        files.sync(directory)
    files.replace(present, certificates.key_pair(key).private_pem, mode=0o600)


def _whole(signer: authority.Signer) -> tuple[x509.Certificate, ...]:
    return signer.certificate, *signer.above


def _pem(found: Iterable[x509.Certificate]) -> str:
    return "".join(dict.fromkeys(map(certificates.to_pem, found)))
