#!/bin/sh
# Backs the database up to /srv/tidemark/backups and from there to the backup container. The newest 3 stay on the machine.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
file=$(TIDEMARK_BACKUPS_KEPT=${TIDEMARK_BACKUPS_KEPT:-3} "$here/../docker/backup.sh" "${1:-/srv/tidemark/backups}")
"$here/blob.sh" put "$file"
