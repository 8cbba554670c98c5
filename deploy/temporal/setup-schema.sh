#!/bin/sh
# Brings Temporal's two databases to the schema of this admin-tools version. Safe to run again.
#
# The databases and their owner exist (deploy/postgres/create-databases.sh), so no superuser is
# needed here. SQL_PASSWORD reaches the tool through the environment only.
set -eu
. "$(dirname "$0")/wait.sh"

schema="${TEMPORAL_SCHEMA_DIR:-/etc/temporal/schema}/postgresql/v12"
SQL_PASSWORD="$(cat "${SECRETS_DIR:-/run/secrets}/temporal_db_password")"
export SQL_PASSWORD
export SQL_PLUGIN="${SQL_PLUGIN:-postgres12}" SQL_PORT="${SQL_PORT:-5432}"
export SQL_USER="${SQL_USER:-temporal}" SQL_HOST="${SQL_HOST:-postgres}"

# Makes the version tables and leaves a schema that is already newer alone.
prepare() {
    temporal-sql-tool --db "$1" setup-schema --version 0.0
}

wait_until "database temporal" prepare temporal
wait_until "database temporal_visibility" prepare temporal_visibility
temporal-sql-tool --db temporal update-schema --schema-dir "$schema/temporal/versioned"
temporal-sql-tool --db temporal_visibility update-schema --schema-dir "$schema/visibility/versioned"
