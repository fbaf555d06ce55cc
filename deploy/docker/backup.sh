#!/bin/sh
# Writes a backup of the database, in PostgreSQL's custom format, and reads it through once.
# Usage: backup.sh [FOLDER]   the folder is `backups` beside this script unless given
# It dumps the database of compose.yaml; with PGHOST set, the one that the PG* variables name, with this host's client.
# TIDEMARK_BACKUPS_KEPT backups of a database are kept in the folder, 14 unless set; fewer where the disk has no room for them.
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

fail() {
  echo "backup.sh: $1" >&2
  exit 1
}

# Oldest first: names sort by time.
backups() {
  find "$folder" -maxdepth 1 -name "$database-*-timescaledb-*.dump" | sort
}

umask 077
mkdir -p "$folder"

# The name says the extension's version, because a dump can be restored by that one alone.
version=$(client psql --no-psqlrc --no-password --username="$user" --dbname="$database" --tuples-only --no-align \
  --command="SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'" < /dev/null)
[ -n "$version" ] || fail "there is no TimescaleDB in the database $database: name another with PGDATABASE"

file=$folder/$database-$(date -u +%Y%m%dT%H%M%SZ)-timescaledb-$version.dump
trap 'rm -f "$file.partial"' EXIT
# dash leaves without the trap above when a signal ends it.
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
# What a kill or a power cut left; one that is being written is younger.
find "$folder" -maxdepth 1 -name "$database-*.dump*.partial" -mmin +60 -exec rm -f {} +

# The next backup is about as large as the newest. Older ones make room for it, the newest never.
newest=$(backups | tail -n 1)
needed=0
[ -z "$newest" ] || needed=$(($(wc -c < "$newest") * 5 / 4096))
while room=$("$here/room.sh" "$folder") && [ "$room" -le "$needed" ]; do
  oldest=$(backups | sed -n 1p)
  [ "$oldest" != "$newest" ] \
    || fail "the disk of $folder has no room for a backup: it may take $((room / 1024)) MiB and needs about $((needed / 1024)); a bigger disk or a shorter retention helps"
  rm -f "$oldest"
  echo "backup.sh: removed $oldest to make room" >&2
done

# No more is written than there is room for, so that a dump that has grown ends by itself before the database has to stop.
# pg_dump's warnings about circular foreign keys concern TimescaleDB's own catalog; restoring switches the checks off.
dumped=$({
  { client pg_dump --no-password --username="$user" --format=custom "$database" < /dev/null && echo whole >&3; } \
    | head -c "$((room * 1024))" > "$file.partial"
} 3>&1)
[ "$(wc -c < "$file.partial")" -lt "$((room * 1024))" ] || fail "the backup of $database outgrew the $((room / 1024)) MiB that it may take on the disk of $folder"
[ "$dumped" = whole ] || fail "pg_dump of $database failed"
client pg_restore --file=/dev/null < "$file.partial"
mv "$file.partial" "$file"
echo "$file"

backups | sort -r | tail -n "+$((kept + 1))" | while IFS= read -r old; do
  rm -f "$old"
done
