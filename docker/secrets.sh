#!/bin/sh
# docker/secrets.sh: makes the secrets of docker-compose.yml that are missing, one file each, in ./secrets; those that
# are there stay. `docker/secrets.sh renew NAME …` makes these anew. Addresses with passwords in them follow.
# The folder is closed to all but its owner; the files in it can be read by the containers' users, who are others.
set -eu
cd "$(dirname "$0")/.."
umask 022
mkdir -p secrets
chmod 700 secrets
cd secrets

drawn="warehouse_password metadata_password broker_password admin_password
    airflow_fernet_key airflow_api_secret airflow_jwt_secret chungtay_surrogate_secret"

draw() { # so many random bytes, in letters that need no quoting anywhere
    head -c "$1" /dev/urandom | base64 | tr -d '\n' | tr '+/' '-_'
}

if [ "${1:-}" = renew ]; then
    shift
    for name in "$@"; do
        case " $(echo $drawn) " in
            *" $name "*) : > "$name" ;;
            *) echo "no secret $name; there are: $(echo $drawn)" >&2; exit 1 ;;
        esac
    done
fi
for name in $drawn; do
    if ! [ -s "$name" ]; then
        case $name in
            airflow_fernet_key) draw 32 > "$name" ;; # its form: 32 bytes in URL-safe base64
            *_password) draw 24 > "$name" ;;
            *) draw 72 > "$name" ;;
        esac
    fi
done

# written in place, so that running containers, which hold the file itself, see the new content
metadata="airflow:$(cat metadata_password)@metadata:5432/airflow"
printf %s "postgresql+psycopg2://$metadata" > airflow_metadata_url
printf %s "postgresql+psycopg_async://$metadata" > airflow_metadata_async_url
printf %s "redis://airflow:$(cat broker_password)@broker:6379/0" > airflow_broker_url
printf %s "postgresql://chungtay:$(cat warehouse_password)@warehouse:5432/warehouse" > chungtay_warehouse_url
printf '{"admin": "%s"}' "$(cat admin_password)" > airflow_passwords
# Redis reads its own log again as user `default`, who therefore may everything, but nobody can be; `health` may ping.
printf 'user default off ~* &* +@all\nuser health on nopass -@all +ping\nuser airflow on >%s ~* &* +@all -@admin\n' \
    "$(cat broker_password)" > broker_users
# optional, and empty as long as nobody is told by mail, webhook or OpenLineage
for name in chungtay_smtp_url chungtay_webhook_url chungtay_openlineage_api_key; do
    [ -e "$name" ] || : > "$name"
done
chmod 644 ./*
