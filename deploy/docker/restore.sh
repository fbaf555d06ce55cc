#!/bin/sh
# Restores a backup into a new database, which nothing uses yet.
# Usage: restore.sh FILE [DATABASE]   the database is iotdata_restored unless given
# It restores into the server of compose.yaml; with PGHOST set, into the one that the PG* variables name. The user has to
# be a superuser, and the roles that own what is in the backup have to exist.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
file=${1:?usage: restore.sh FILE [DATABASE]}
database=${2:-iotdata_restored}
user=${PGUSER:-postgres}
unset PGDATABASE

client() {
  if [ -n "${PGHOST:-}" ]; then
    "$@"
  else
    docker compose --file "$here/compose.yaml" exec -T timescaledb "$@"
  fi
}

# A session of its own each time. Statements come on standard input, where psql puts variables in.
sql() {
  client psql --no-psqlrc --no-password --quiet --username="$user" --tuples-only --no-align \
    --set=ON_ERROR_STOP=1 --set=name="$database" --set=version="$version" --dbname="$1"
}

fail() {
  echo "restore.sh: $1" >&2
  exit 1
}

[ -r "$file" ] || fail "$file can't be read"
version=$(basename "$file" | sed -n 's/.*-timescaledb-\([0-9][0-9.a-z-]*\)\.dump$/\1/p')
[ -n "$version" ] || fail "$file has no TimescaleDB version in its name, such as iotdata-20260131T020000Z-timescaledb-2.32.0.dump"
case $database in
  '' | *[!a-z0-9_]*) fail "'$database' is not a name of lower-case letters, digits and underscores" ;;
esac
[ -z "$(echo "SELECT 1 FROM pg_database WHERE datname = :'name'" | sql postgres)" ] || fail "the database $database is there already: name another one, or drop it first"
[ -n "$(echo "SELECT 1 FROM pg_available_extension_versions WHERE name = 'timescaledb' AND version = :'version'" | sql postgres)" ] \
  || fail "the server has no TimescaleDB $version, which made this backup: restore with the image of that version, then upgrade"

# The backup gives rights to the role that deploy/grafana made, which another server doesn't have. It can't log in before
# deploy/grafana/set-up.sh gives it a password.
if client pg_restore --schema-only --file=- < "$file" | grep -q ' TO tidemark_reader;'; then
  echo "SELECT 'CREATE ROLE tidemark_reader' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tidemark_reader') \\gexec" | sql postgres
fi

# What is half restored goes away again.
echo 'CREATE DATABASE :"name" TEMPLATE template0' | sql postgres
trap 'echo "DROP DATABASE :\"name\" WITH (FORCE)" | sql postgres' EXIT

echo "CREATE EXTENSION timescaledb VERSION :'version'" | sql "$database"
echo 'SELECT timescaledb_pre_restore()' | sql "$database" > /dev/null
# One process: in parallel, rows of the catalog could come before those that they refer to.
client pg_restore --no-password --username="$user" --dbname="$database" --exit-on-error < "$file"
echo 'SELECT timescaledb_post_restore()' | sql "$database" > /dev/null

# A dump does not say whose the database itself was: whose the readings are.
echo "SELECT format('ALTER DATABASE %I OWNER TO %I', :'name', owner) FROM timescaledb_information.hypertables ORDER BY hypertable_name LIMIT 1 \\gexec
ANALYZE;" | sql "$database"
trap - EXIT
echo "restored $file into the database $database"
