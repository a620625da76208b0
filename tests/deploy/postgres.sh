#!/bin/sh
# A Postgres of its own for a test: prints its SQLAlchemy URL, and runs until stdin ends.
#
# Debian's postgresql is installed when it is missing and this is root. The server runs as an
# unprivileged user, in a temporary folder, on a Unix socket alone. Exit code 77: cannot be had
# here; the reason is on stderr.
set -eu

no() { echo "$1" >&2; exit 77; }

find_bin() {
    for folder in /usr/lib/postgresql/*/bin "$(dirname "$(command -v initdb || echo /none/x)")"; do
        if [ -x "$folder/initdb" ] && [ -x "$folder/pg_ctl" ]; then
            bin=$folder
            return
        fi
    done
    return 1
}

if ! find_bin; then
    [ "$(id -u)" = 0 ] || no "postgresql is not installed, and only root may install it"
    command -v apt-get >/dev/null || no "postgresql is not installed, and there is no apt-get"
    mkdir -p /etc/postgresql-common
    [ -e /etc/postgresql-common/createcluster.conf ] ||
        echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -q && apt-get install -q -y --no-install-recommends postgresql; } >&2 ||
        no "postgresql could not be installed by apt-get"
    find_bin || no "postgresql is installed, but without initdb"
fi

folder=$(mktemp -d -t meta-pipeline-postgres.XXXXXX)
as_user=
if [ "$(id -u)" = 0 ]; then
    chown postgres: "$folder"
    as_user="runuser -u postgres --"
fi
cd "$folder"

stop() {
    $as_user "$bin/pg_ctl" -D "$folder/data" -m immediate -w stop >&2 || true
    rm -rf "$folder"
}
trap stop EXIT
trap 'exit 1' INT TERM HUP

$as_user "$bin/initdb" -D "$folder/data" -U dagster --auth=trust --no-sync >&2
# What a power cut would cost is of no interest here.
$as_user "$bin/pg_ctl" -D "$folder/data" -l "$folder/log" -w -t 60 -o \
    "-c listen_addresses='' -k $folder -c fsync=off -c max_connections=60" start >&2
echo "postgresql+psycopg2://dagster@/postgres?host=$folder"
cat >/dev/null
