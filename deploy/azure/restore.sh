#!/bin/sh
# Fetches a backup from the backup container and restores it into a new database, which nothing uses yet.
# Usage: restore.sh [NAME] [DATABASE]   the newest backup and iotdata_restored unless given; blob.sh list shows the names
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=${TIDEMARK_BACKUP_FOLDER:-/srv/tidemark/backups}
name=${1:-$("$here/blob.sh" list | sort | tail -n 1)}
if [ -z "$name" ]; then
  echo "restore.sh: the backup container is empty" >&2
  exit 1
fi
# The newest ones may still be on the machine.
[ -e "$folder/$name" ] || "$here/blob.sh" get "$name" "$folder" > /dev/null
"$here/../docker/restore.sh" "$folder/$name" "${2:-iotdata_restored}"
