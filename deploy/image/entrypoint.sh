#!/bin/sh
# Reads the database password from a file, so that DATABASE_URL holds no secret: the PostgreSQL
# client takes PGPASSWORD when its address has no password.
set -eu
if [ -n "${PGPASSWORD_FILE:-}" ]; then
    PGPASSWORD="$(cat "$PGPASSWORD_FILE")"
    export PGPASSWORD
fi
exec "$@"
