#!/bin/sh
# Makes the secret files of docker-compose.yml once; what exists is never replaced.
#
#   sh deploy/create-secrets.sh [DIRECTORY]
#
# Without a directory it takes the one that Compose mounts: TENANTOPS_SECRETS_DIR of the
# environment, else of .env, else deploy/secrets. As there, a relative one begins at the folder of
# docker-compose.yml.
#
# The directory is closed to other users of the host. The files in it are readable, because Compose
# mounts each of them alone into containers that run under different user ids.
set -eu

project="$(cd "$(dirname "$0")/.." && pwd)"

from_env_file() {
    [ -f "$project/.env" ] || return 0
    sed -n "s/^TENANTOPS_SECRETS_DIR=//p" "$project/.env" | tail -n 1 | tr -d "\"'"
}

chosen="${TENANTOPS_SECRETS_DIR:-$(from_env_file)}"
chosen="${chosen:-./deploy/secrets}"
case "$chosen" in
    /*) directory="$chosen" ;;
    *) directory="$project/${chosen#./}" ;;
esac
directory="${1:-$directory}"
umask 022
mkdir -p "$directory"
chmod 0700 "$directory"

random_hex() {
    od -An -N32 -tx1 /dev/urandom | tr -d ' \n'
}

random_base64() {
    head -c 32 /dev/urandom | base64 | tr -d '\n'
}

create() {
    if [ -s "$directory/$1" ]; then
        echo "kept     $1"
        return
    fi
    "$2" >"$directory/$1.new"
    mv "$directory/$1.new" "$directory/$1"
    echo "created  $1"
}

create postgres_password random_hex
create temporal_db_password random_hex
create migrate_db_password random_hex
create worker_db_password random_hex
create root_key random_base64
echo "The files are in $directory."
echo "Keep a copy of root_key apart from this host and from the database's backups:"
echo "without it no backup content can be read."
