#!/bin/sh
# Starts the server of the temporalio/server image with the database password of a secret file.
set -eu
POSTGRES_PWD="$(cat "${SECRETS_DIR:-/run/secrets}/temporal_db_password")"
export POSTGRES_PWD
exec "${TEMPORAL_ENTRYPOINT:-/etc/temporal/entrypoint.sh}"
