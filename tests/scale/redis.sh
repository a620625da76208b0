#!/bin/sh
# A Redis of its own for a test: prints its URL, and runs until stdin ends.
#
# Debian's redis-server is installed when it is missing and this is root. It listens on a Unix
# socket alone and keeps nothing. Exit code 77: cannot be had here; the reason is on stderr.
set -eu

no() { echo "$1" >&2; exit 77; }

if ! command -v redis-server >/dev/null; then
    [ "$(id -u)" = 0 ] || no "redis-server is not installed, and only root may install it"
    command -v apt-get >/dev/null || no "redis-server is not installed, and there is no apt-get"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -q && apt-get install -q -y --no-install-recommends redis-server; } >&2 ||
        no "redis-server could not be installed by apt-get"
fi

folder=$(mktemp -d -t meta-pipeline-redis.XXXXXX)
cd "$folder"
redis-server --port 0 --unixsocket "$folder/redis.sock" --save "" --appendonly no --dir "$folder" >&2 &
server=$!
stop() {
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 1' INT TERM HUP

tries=0
until [ "$(redis-cli -s "$folder/redis.sock" ping 2>/dev/null)" = PONG ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 100 ] || { echo "redis-server does not answer" >&2; exit 1; }
    sleep 0.1
done
echo "redis+socket://$folder/redis.sock"
cat >/dev/null
