#!/bin/sh
# Writes a backup of the database, in PostgreSQL's custom format, and reads it through once.
# Usage: backup.sh [FOLDER]   the folder is `backups` beside this script unless given
# It dumps the database of compose.yaml; with PGHOST set, the one that the PG* variables name, with this host's client.
# TIDEMARK_BACKUPS_KEPT backups of a database are kept in the folder, 14 unless set.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:-$here/backups}
database=${PGDATABASE:-iotdata}
kept=${TIDEMARK_BACKUPS_KEPT:-14}
user=${PGUSER:-postgres}

client() {
  if [ -n "${PGHOST:-}" ]; then
    "$@"
  else
    docker compose --file "$here/compose.yaml" exec -T timescaledb "$@"
  fi
}

umask 077
mkdir -p "$folder"

# The name says the extension's version, because a dump can be restored by that one alone.
version=$(client psql --no-psqlrc --no-password --username="$user" --dbname="$database" --tuples-only --no-align \
  --command="SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'" < /dev/null)
if [ -z "$version" ]; then
  echo "backup.sh: there is no TimescaleDB in the database $database: name another with PGDATABASE" >&2
  exit 1
fi

file=$folder/$database-$(date -u +%Y%m%dT%H%M%SZ)-timescaledb-$version.dump
trap 'rm -f "$file.partial"' EXIT
# dash leaves without the trap above when a signal ends it.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
# What a kill or a power cut left; one that is being written is younger.
find "$folder" -maxdepth 1 -name "$database-*.dump.partial" -mmin +60 -exec rm -f {} +
# Its warnings about circular foreign keys concern TimescaleDB's own catalog; restoring switches the checks off.
client pg_dump --no-password --username="$user" --format=custom "$database" < /dev/null > "$file.partial"
client pg_restore --file=/dev/null < "$file.partial"
mv "$file.partial" "$file"
echo "$file"

# Names sort by time.
find "$folder" -maxdepth 1 -name "$database-*-timescaledb-*.dump" | sort -r | tail -n "+$((kept + 1))" | while IFS= read -r old; do
  rm -f "$old"
done
