"""Makes src/patchsweep/v1 of the .proto files that the client needs.

    python make_messages.py PROTO OUT

PROTO: the folder that `patchsweep/v1` is in. The release of grpcio-tools decides which releases of protobuf can read what is
made: that one and all later ones.
"""

import sys
from pathlib import Path

from grpc_tools import protoc

NAMES = ("client", "scores", "sweep", "worker")


def main() -> None:
    proto, out = Path(sys.argv[1]), Path(sys.argv[2])
    files = [str(proto / "patchsweep" / "v1" / f"{name}.proto") for name in NAMES]
    code = protoc.main(["protoc", f"-I{proto}", f"--python_out={out}", f"--pyi_out={out}", *files])
    sys.exit(code)


if __name__ == "__main__":
    main()
