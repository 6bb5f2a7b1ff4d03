#!/bin/bash
# What one would expect: a trust store made of two authorities trusts what either of them has signed.
# What happens: python-mbedtls keeps the first of a list only. A server whose certificate the second one has signed is
# refused ("Certificate verification failed"), and taken once the list is turned round. A store read from a PEM file that
# holds both trusts both.
# Seen with: python-mbedtls 2.10.1 (Mbed TLS 2.28), cryptography 50.0.2, Python 3.11.7.
# Why it matters: servers that have an RSA chain beside an EC one give clients two authorities. A test client made with a
# list of certificates says that one of the chains is broken, though both are good.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
quietly() { "$@" >log 2>&1 || { cat log; exit 2; }; }
quietly python3 -m venv env
quietly env/bin/pip install python-mbedtls==2.10.1 cryptography==50.0.2

cat > ask.py <<'END'
import datetime
import socket
import ssl
import threading

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from mbedtls import x509 as of_mbedtls
from mbedtls.tls import ClientContext, TLSConfiguration, TrustStore

PEM = serialization.Encoding.PEM
now = datetime.datetime.now(datetime.timezone.utc)
day = datetime.timedelta(days=1)


def issue(common_name, issuer=None, issuer_key=None):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(issuer.subject if issuer else name)
    made = made.public_key(key.public_key()).serial_number(x509.random_serial_number())
    made = made.not_valid_before(now - day).not_valid_after(now + day)
    made = made.add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
    if issuer:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    return made.sign(issuer_key or key, hashes.SHA256()), key


first, _ = issue("first authority")
second, second_key = issue("second authority")
leaf, leaf_key = issue("server", second, second_key)
with open("server.pem", "wb") as file:
    file.write(leaf.public_bytes(PEM))
    file.write(leaf_key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
with open("both.pem", "wb") as file:
    file.write(first.public_bytes(PEM) + second.public_bytes(PEM))

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem")
context.maximum_version = ssl.TLSVersion.TLSv1_2
listener = socket.create_server(("127.0.0.1", 0))


def serve():
    while True:
        accepted, _ = listener.accept()
        try:
            context.wrap_socket(accepted, server_side=True).close()
        except OSError:
            accepted.close()


threading.Thread(target=serve, daemon=True).start()


def connects(store):
    configuration = TLSConfiguration(trust_store=store, validate_certificates=True)
    raw = socket.create_connection(listener.getsockname(), 10)
    client = ClientContext(configuration).wrap_socket(raw, server_hostname="localhost")
    try:
        client.do_handshake()
        return "trusted"
    except Exception as error:
        return type(error).__name__
    finally:
        client.close()


one, other = (of_mbedtls.CRT.from_PEM(each.public_bytes(PEM).decode()) for each in (first, second))
print("list, the signer second:", connects(TrustStore([one, other])))
print("list, the signer first:", connects(TrustStore([other, one])))
print("file, the signer second:", connects(TrustStore.from_pem_file("both.pem")))
END
timeout 60 env/bin/python ask.py >found 2>/dev/null || { cat found; exit 2; }
cat found
cat > expected <<'END'
list, the signer second: TLSError
list, the signer first: trusted
file, the signer second: trusted
END
cmp found expected && echo "as found before"
