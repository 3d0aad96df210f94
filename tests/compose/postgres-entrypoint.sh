#!/bin/sh
# The official image's entrypoint, as far as docker-compose.yml uses it: a first start makes the data folder, the user
# and the database; the socket needs no password, the network does.
set -eu
if [ "$1" = postgres ]; then
    if ! [ -s "$PGDATA/PG_VERSION" ]; then
        # shellcheck disable=SC2086 - several arguments
        initdb --pgdata="$PGDATA" --username="$POSTGRES_USER" --pwfile="$POSTGRES_PASSWORD_FILE" --encoding=UTF8 \
            --locale=C.UTF-8 ${POSTGRES_INITDB_ARGS:-} > /dev/null
        printf '\nhost all all all scram-sha-256\n' >> "$PGDATA/pg_hba.conf"
        pg_ctl -D "$PGDATA" -w -o "-c listen_addresses='' -c unix_socket_directories=/var/run/postgresql" start > /dev/null
        createdb --host=/var/run/postgresql --username="$POSTGRES_USER" "$POSTGRES_DB"
        pg_ctl -D "$PGDATA" -m fast -w stop > /dev/null
    fi
    shift
    set -- postgres -c listen_addresses='*' -c unix_socket_directories=/var/run/postgresql "$@"
fi
exec "$@"
