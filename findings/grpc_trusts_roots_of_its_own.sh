#!/bin/sh
# A gRPC channel of Python to a server whose certificate is of an authority that the machine trusts.
#
# One would guess: `grpc.ssl_channel_credentials()` without roots trusts what Python's ssl trusts: the machine's store, which
# `SSL_CERT_FILE` replaces.
# What happens: grpcio trusts a list that is part of the package, so a site's own authority is unknown to it however the machine is set up, and so is
# `SSL_CERT_FILE`. Its own variable, `GRPC_DEFAULT_SSL_ROOTS_FILE_PATH`, names another file; otherwise the roots have to be given.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet grpcio==1.85.3 trustme==1.2.1
cat > "$folder/look.py" <<'PYTHON'
import pathlib, socket, ssl, subprocess, sys
from concurrent import futures
import grpc, trustme

ASK = """
import socket, ssl, sys, grpc
port, roots = sys.argv[1], sys.argv[2:]
context = ssl.create_default_context()
try:
    with socket.create_connection(("localhost", int(port))) as tcp, context.wrap_socket(tcp, server_hostname="localhost"):
        print("ssl: trusted")
except ssl.SSLCertVerificationError:
    print("ssl: unknown")
credentials = grpc.ssl_channel_credentials(open(roots[0], "rb").read() if roots else None)
try:
    grpc.secure_channel(f"localhost:{port}", credentials).unary_unary("/a/b")(b"ok", timeout=20)
    print("grpc: trusted")
except grpc.RpcError as error:
    print("grpc:", error.code().name)
"""


class Echo(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: request)


print("grpcio", grpc.__version__, "OpenSSL", ssl.OPENSSL_VERSION)
authority = trustme.CA()
file = str(pathlib.Path(sys.argv[1]) / "authority.pem")
authority.cert_pem.write_to_path(file)
certificate = authority.issue_cert("localhost")
chain = b"".join(part.bytes() for part in certificate.cert_chain_pems)
server = grpc.server(futures.ThreadPoolExecutor(1), handlers=[Echo()])
port = server.add_secure_port("localhost:0", grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)]))
server.start()


def outcome(variables, roots=()):
    command = [sys.executable, "-c", ASK, str(port), *roots]
    printed = subprocess.run(command, capture_output=True, text=True, env={"GRPC_VERBOSITY": "NONE", **variables}).stdout.split("\n")[:2]
    print(", ".join(variables) or "no variable", *(["roots given"] if roots else []), *printed, sep="\n    ")
    return printed


found = [outcome({}), outcome({"SSL_CERT_FILE": file}), outcome({"GRPC_DEFAULT_SSL_ROOTS_FILE_PATH": file}), outcome({}, [file])]
wanted = [
    ["ssl: unknown", "grpc: UNAVAILABLE"],
    ["ssl: trusted", "grpc: UNAVAILABLE"],
    ["ssl: unknown", "grpc: trusted"],
    ["ssl: unknown", "grpc: trusted"],
]
server.stop(None)
sys.exit(0 if found == wanted else "this has changed")
PYTHON
"$folder/venv/bin/python" "$folder/look.py" "$folder"
