#!/bin/sh
# A gRPC channel of Python in an environment with a proxy, as clusters have one for downloads.
#
# One would guess: `https_proxy` is for https, so a plaintext channel is direct, as a request to http:// is with every HTTP library; and
# `HTTPS_PROXY` counts like `https_proxy`.
# What happens: grpcio sends any channel, plaintext or not and to the loopback address too, through the first of `grpc_proxy`, `https_proxy` and
# `http_proxy` that is set, by CONNECT; spelled in capitals none of them counts. A proxy that allows no such CONNECT makes the server UNAVAILABLE.
# `no_proxy`, or the option `grpc.enable_http_proxy` = 0, makes the channel direct.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet grpcio==1.85.3
cat > "$folder/look.py" <<'PYTHON'
import os, socket, sys, threading
from concurrent import futures
import grpc

print("grpcio", grpc.__version__)


class Echo(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.unary_unary_rpc_method_handler(lambda request, context: request)


server = grpc.server(futures.ThreadPoolExecutor(1), handlers=[Echo()])
address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
server.start()
proxy = socket.create_server(("127.0.0.1", 0))
asked = []


def refuse():
    while True:
        connection, _ = proxy.accept()
        asked.append(connection.recv(4096).split(b"\r\n")[0].decode())
        connection.close()


threading.Thread(target=refuse, daemon=True).start()
url = f"http://127.0.0.1:{proxy.getsockname()[1]}"


def outcome(options=(), **variables):
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            del os.environ[name]
    os.environ.update(variables)
    asked.clear()
    options = [("grpc.use_local_subchannel_pool", 1), *options]
    with grpc.insecure_channel(address, options=options) as channel:
        try:
            code = channel.unary_unary("/a/b")(b"ok", timeout=10).decode()
        except grpc.RpcError as error:
            code = error.code().name
    print(f"{', '.join(variables) or 'no proxy':<24} {code:<12} proxy: {asked[0] if asked else 'not asked'}")
    return code, bool(asked)


direct, lost = ("ok", False), ("UNAVAILABLE", True)
found = [outcome()] + [outcome(**{name: url}) for name in ("http_proxy", "https_proxy", "grpc_proxy", "HTTPS_PROXY")]
found.append(outcome(https_proxy=url, no_proxy="127.0.0.1"))
found.append(outcome([("grpc.enable_http_proxy", 0)], https_proxy=url))
sys.exit(0 if found == [direct, lost, lost, lost, direct, direct, direct] else "this has changed")
PYTHON
GRPC_VERBOSITY=NONE "$folder/venv/bin/python" "$folder/look.py"
