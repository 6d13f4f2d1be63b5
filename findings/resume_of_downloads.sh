#!/usr/bin/env bash
# Does an interrupted `hf download` go on where it ended? One would guess so: files grow as `*.incomplete` in the cache, and
# releases before 1.0 had `resume_download`. In huggingface_hub 2.4.0 the file's name is another one for each process, and it
# is removed when the download fails; one that is killed leaves it behind, and nobody ever reads it. Each try asks for the first
# byte again. (Within one process a broken connection is taken up.)
set -euo pipefail

folder=$(mktemp -d)
trap 'kill "$(cat "$folder/pid")" 2>/dev/null; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet huggingface_hub==2.4.0

# A hub with one file of 32 MB. While the file `hang` is there, it sends 24 MB of it and then nothing.
cat >"$folder/hub.py" <<'PYTHON'
import http.server, os, pathlib, sys, threading
FOLDER, DATA, COMMIT = pathlib.Path(sys.argv[1]), os.urandom(32_000_000), "0" * 40

class Hub(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self):
        self.answer(b"")

    def do_GET(self):
        wanted = self.headers.get("Range", "bytes=0-")
        with open(FOLDER / "asked", "a") as asked:
            print(wanted, file=asked, flush=True)
        data = DATA[int(wanted.split("=")[1].split("-")[0]):]
        self.answer(data[:24_000_000] if (FOLDER / "hang").exists() else data, len(data))
        if (FOLDER / "hang").exists():
            threading.Event().wait()

    def answer(self, data, length=len(DATA)):
        self.send_response(206 if "Range" in self.headers else 200)
        for header in [("X-Repo-Commit", COMMIT), ("ETag", '"a-name"'), ("Content-Length", str(length))]:
            self.send_header(*header)
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, *words):
        pass

hub = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
(FOLDER / "address").write_text(f"http://127.0.0.1:{hub.server_port}")
hub.serve_forever()
PYTHON
python3 "$folder/hub.py" "$folder" &
echo $! >"$folder/pid"
until [ -s "$folder/address" ]; do sleep 0.1; done

export HF_ENDPOINT HF_HOME=$folder/home HF_HUB_DISABLE_TELEMETRY=1 HF_HUB_DISABLE_PROGRESS_BARS=1
HF_ENDPOINT=$(cat "$folder/address")
unset HF_HUB_CACHE HUGGINGFACE_HUB_CACHE HF_HUB_OFFLINE
download() {
    exec "$folder/venv/bin/python" -c 'from huggingface_hub import hf_hub_download as d; d("a/b", "model.safetensors")'
}
kept() {
    find "$HF_HOME/hub" -name '*.incomplete' -size +9000k
}

"$folder/venv/bin/python" -c 'import huggingface_hub; print("huggingface_hub", huggingface_hub.__version__)'
touch "$folder/hang"
(download) &
first=$!
until [ -d "$HF_HOME/hub" ] && [ -n "$(kept)" ]; do sleep 0.1; done
kill -KILL "$first"
wait "$first" 2>/dev/null || true
rm "$folder/hang"
echo "left behind by the one that was killed: $(basename "$(kept)")"
(download)
echo "asked for: $(paste -sd ' ' "$folder/asked")"
[ "$(cat "$folder/asked")" = $'bytes=0-\nbytes=0-' ] && [ -n "$(kept)" ] || { echo "changed: it goes on, or nothing is left"; exit 1; }
