#!/bin/sh
# Fetches a backup from the backup container and restores it into a new database, which nothing uses yet; with --settings the
# settings beside it instead: the API keys, .env and tidemark.json, each in its place. What was there is kept as *.before.
# Usage: restore.sh [NAME] [DATABASE] | restore.sh --settings [NAME]
# The newest backup and iotdata_restored unless given; blob.sh list shows the names.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=$(cd "$here/../../.." && pwd)
folder=${TIDEMARK_BACKUP_FOLDER:-$data/backups}

settings=
if [ "${1:-}" = --settings ]; then
  settings=yes
  shift
fi
name=${1:-$("$here/blob.sh" list | grep '\.dump$' | sort | tail -n 1)}
if [ -z "$name" ]; then
  echo "restore.sh: the backup container is empty" >&2
  exit 1
fi
[ -z "$settings" ] || name=${name%.dump}.settings.tar

# The newest ones may still be on the machine.
[ -e "$folder/$name" ] || "$here/blob.sh" get "$name" "$folder" > /dev/null
if [ -z "$settings" ]; then
  exec "$here/../docker/restore.sh" "$folder/$name" "${2:-iotdata_restored}"
fi
tar --list --file "$folder/$name" | while IFS= read -r file; do
  [ ! -e "$data/$file" ] || mv "$data/$file" "$data/$file.before"
  echo "restored $data/$file"
done
tar --extract --file "$folder/$name" --directory "$data" --numeric-owner --preserve-permissions
