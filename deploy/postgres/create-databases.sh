#!/bin/sh
# Roles and databases of a new PostgreSQL volume; the image runs this once, when the volume is empty.
#
# Temporal and the product have separate databases and roles. The role that migrates owns the
# product's tables; the worker's role reads and writes rows and cannot change the schema.
set -eu

secrets="${SECRETS_DIR:-/run/secrets}"
superuser="${POSTGRES_USER:-postgres}"

password() {
    if [ ! -s "$secrets/$1" ]; then
        echo "secret $1 is missing or empty" >&2
        exit 1
    fi
    cat "$secrets/$1"
}

# Assigned on their own lines: a failure inside an argument would not stop the script.
temporal_password="$(password temporal_db_password)"
migrate_password="$(password migrate_db_password)"
worker_password="$(password worker_db_password)"
export temporal_password migrate_password worker_password

# The passwords come from the environment, so no process list and no server log shows them.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$superuser" --dbname postgres <<'SQL'
SET log_statement = 'none';
SET log_min_error_statement = 'panic';
SET password_encryption = 'scram-sha-256';
\getenv temporal_password temporal_password
\getenv migrate_password migrate_password
\getenv worker_password worker_password
CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE ROLE tenantops_migrate LOGIN PASSWORD :'migrate_password';
CREATE ROLE tenantops_worker LOGIN PASSWORD :'worker_password';
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
CREATE DATABASE tenantops OWNER tenantops_migrate;
REVOKE ALL ON DATABASE temporal, temporal_visibility, tenantops FROM PUBLIC;
GRANT CONNECT ON DATABASE tenantops TO tenantops_worker;
SQL

psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "$superuser" --dbname tenantops <<'SQL'
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO tenantops_migrate;
GRANT USAGE ON SCHEMA public TO tenantops_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE tenantops_migrate IN SCHEMA public
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO tenantops_worker;
ALTER DEFAULT PRIVILEGES FOR ROLE tenantops_migrate IN SCHEMA public
    GRANT USAGE, SELECT ON SEQUENCES TO tenantops_worker;
SQL
