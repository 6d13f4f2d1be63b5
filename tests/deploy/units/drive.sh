#!/usr/bin/env bash
# What happens to the units, in a booted system.
set -euo pipefail
export PATCHSWEEP_CREDENTIALS=/var/lib/patchsweep/client.credentials
patchsweep=/opt/patchsweep/bin/patchsweep
coordinator=patchsweep-coordinator

trap 'echo "failed in line $LINENO"; journalctl --no-pager -n 60 -u "patchsweep*"' ERR

# until_true SECONDS COMMAND..
until_true() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || { echo "not in time: $*"; return 1; }
        sleep 0.2
    done
}
is() { [[ $(systemctl show --value --property="$2" "$1") == "$3" ]]; }
tiles_done() { "$patchsweep" --output json status last | grep -o '"tiles_done": [0-9]*' | grep -o '[0-9]*$'; }
more_than() { local done; done=$(tiles_done) && ((done > $1)); }
workers() { "$patchsweep" --output json workers | grep -c '"worker"'; }
has_workers() { local count; count=$(workers) && ((count == $1)); }

systemctl start "$coordinator"
until_true 30 test -s "$PATCHSWEEP_CREDENTIALS"
mkdir -p /etc/patchsweep
install -m 600 /var/lib/patchsweep/worker.credentials /etc/patchsweep/
systemctl start patchsweep-worker@0 patchsweep-worker@1
until_true 60 has_workers 2
"$patchsweep" submit /srv/models/long.toml
until_true 60 more_than 0

echo "a worker is killed, and is back"
systemctl kill --kill-whom=main --signal=KILL patchsweep-worker@0
until_true 30 is patchsweep-worker@0 NRestarts 1
until_true 60 has_workers 2

echo "a worker is stopped, in order"
systemctl stop patchsweep-worker@1
is patchsweep-worker@1 Result success
is patchsweep-worker@1 ExecMainStatus 0
systemctl start patchsweep-worker@1

echo "the coordinator is killed, and goes on where it was"
kept=$(tiles_done)
systemctl kill --kill-whom=main --signal=KILL "$coordinator"
until_true 30 is "$coordinator" NRestarts 1
until_true 60 has_workers 2
more_than $((kept - 1))
"$patchsweep" watch last > /dev/null
"$patchsweep" results last --out /out/results > /dev/null

echo "workers that are not let in stay down"
"$patchsweep" token rotate --role worker --state /var/lib/patchsweep
until_true 60 is patchsweep-worker@0 ExecMainStatus 5
until_true 30 is patchsweep-worker@0 ActiveState failed
is patchsweep-worker@0 NRestarts 1
echo "done"
