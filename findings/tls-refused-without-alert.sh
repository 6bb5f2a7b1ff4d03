#!/bin/bash
# What one would expect: a TLS server that cannot agree with a client tells it why, with an alert: with OpenSSL behind a
# blocking socket the client reads "handshake failure" and its log says that suites or certificates do not fit.
# What happens: with the same OpenSSL behind asyncio or uvloop the alert that OpenSSL has written is never sent. The
# transport is closed with it in its buffer, and the client sees an unexpected end of file.
# Seen with: Python 3.11.7 (asyncio), uvloop 0.23.0, cryptography 50.0.2, OpenSSL 3.0.19.
# Why it matters: a device whose cipher suites do not fit looks like one with a broken network. Whoever serves devices by
# these loops has to say the reason in the log of the server; the device cannot be told.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
quietly() { "$@" >log 2>&1 || { cat log; exit 2; }; }
quietly python3 -m venv env
quietly env/bin/pip install uvloop==0.23.0 cryptography==50.0.2

cat > ask.py <<'END'
import asyncio
import datetime
import socket
import ssl
import threading

import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
now = datetime.datetime.now(datetime.timezone.utc)
day = datetime.timedelta(days=1)
made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
made = made.not_valid_before(now - day).not_valid_after(now + day).sign(key, hashes.SHA256())
pem = serialization.Encoding.PEM
with open("server.pem", "wb") as file:
    file.write(made.public_bytes(pem))
    file.write(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def of_server():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("server.pem")
    return context


def told_to_client(port):
    """What a client with a suite for RSA certificates only is told by a server that has an EC certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-RSA-AES128-GCM-SHA256")
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as raw, context.wrap_socket(raw):
            return "connected"
    except ssl.SSLError as error:
        return error.reason
    except OSError as error:
        return type(error).__name__


def blocking():
    listener = socket.create_server(("127.0.0.1", 0))

    def serve():
        accepted, _ = listener.accept()
        try:
            of_server().wrap_socket(accepted, server_side=True)
        except ssl.SSLError:
            pass
        accepted.close()

    threading.Thread(target=serve, daemon=True).start()
    return told_to_client(listener.getsockname()[1])


def by_loop(factory):
    async def serve():
        server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0, ssl=of_server())
        return await asyncio.to_thread(told_to_client, server.sockets[0].getsockname()[1])

    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(serve())


print("blocking socket", blocking())
print("asyncio", by_loop(asyncio.new_event_loop))
print("uvloop", by_loop(uvloop.new_event_loop))
END
env/bin/python ask.py >found 2>/dev/null
cat found
cat > expected <<'END'
blocking socket SSLV3_ALERT_HANDSHAKE_FAILURE
asyncio UNEXPECTED_EOF_WHILE_READING
uvloop UNEXPECTED_EOF_WHILE_READING
END
cmp found expected && echo "as found before"
