#!/bin/sh
# Backs Tidemark up to /srv/tidemark/backups and from there to the backup container: a dump of the database and, beside it, the
# settings: hashes of API keys, .env and tidemark.json, none of them a secret. The newest 3 stay on the machine.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
compose=$here/../docker
data=$(cd "$here/../../.." && pwd)
folder=${1:-$data/backups}

dump=$(TIDEMARK_BACKUPS_KEPT=${TIDEMARK_BACKUPS_KEPT:-3} "$compose/backup.sh" "$folder")

# Their paths are those on the data disk, where restore.sh puts them back.
umask 077
settings=${dump%.dump}.settings.tar
config=$(sed -n 's/^TIDEMARK_CONFIG=//p' "$compose/.env")
set -- "$compose/.env" "$compose/${config:-tidemark.json}"
[ ! -e "$data/keys/tidemark-keys.json" ] || set -- "$@" "$data/keys/tidemark-keys.json"
for file; do
  realpath --relative-to="$data" "$file"
done | tar --create --file "$settings" --directory "$data" --numeric-owner --files-from -
for old in "$folder"/*.settings.tar; do
  [ -e "${old%.settings.tar}.dump" ] || rm -f "$old"
done

# The dump first: the alert on missing backups counts it, and not the settings alone.
"$here/blob.sh" put "$dump"
"$here/blob.sh" put "$settings"
