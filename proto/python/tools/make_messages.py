"""Makes src/patchsweep/v1 of the .proto files that the client needs, and of the version that the Rust code says.

    python make_messages.py PROTO OUT

PROTO: the folder that `patchsweep/v1` is in. The release of grpcio-tools decides which releases of protobuf can read what is
made: that one and all later ones.
"""

import re
import sys
from pathlib import Path

from grpc_tools import protoc

HEAD = '''"""The messages of proto/patchsweep/v1 that a client needs, made by tools/make_messages.py. Do not edit."""

#: As in proto/src/lib.rs; a coordinator of another one refuses a client.
PROTOCOL_VERSION = {}
'''

NAMES = ("client", "scores", "sweep", "worker")


def main() -> None:
    proto, out = Path(sys.argv[1]), Path(sys.argv[2])
    files = [str(proto / "patchsweep" / "v1" / f"{name}.proto") for name in NAMES]
    code = protoc.main(["protoc", f"-I{proto}", f"--python_out={out}", f"--pyi_out={out}", *files])
    version = re.search(r"const PROTOCOL_VERSION: u32 = (\d+);", (proto / "src" / "lib.rs").read_text())
    if code or version is None:
        sys.exit(code or "make_messages: no PROTOCOL_VERSION in src/lib.rs")
    (out / "patchsweep" / "v1" / "__init__.py").write_text(HEAD.format(version[1]))


if __name__ == "__main__":
    main()
