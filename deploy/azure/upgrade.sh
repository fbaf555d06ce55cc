#!/bin/sh
# Upgrades Tidemark and TimescaleDB to what the clone names: backup, pull, build, the database's image, its extension, the rest.
# A copy without .git is not pulled: put the new files over the old ones first.
# Run it as root, without arguments. Going back is restoring the backup that it makes first.
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
cd "$here/../docker"

fail() {
  echo "upgrade.sh: $1" >&2
  exit 1
}

sql() {
  docker compose exec -T timescaledb psql -X -q -U postgres -d "$1" -t -A -v ON_ERROR_STOP=1 -c "$2" < /dev/null
}

# The second half is the script of the new clone.
if [ "${1:-}" != --pulled ]; then
  "$here/backup.sh"
  if [ -e "$here/../../.git" ]; then
    git -C "$here" pull --ff-only
  else
    echo "no clone, nothing to pull: upgrading to the files that are here"
  fi
  exec "$here/upgrade.sh" --pulled
fi

# A data folder belongs to one major version of PostgreSQL.
new=$(docker compose config --images | sed -n 's/.*-pg\([0-9]*\).*/\1/p')
old=$(sql postgres "SELECT current_setting('server_version_num')::int / 10000")
[ "$new" = "$old" ] || fail "PostgreSQL $old can't become $new by a new image: see \"Upgrade\" in docs/operations.md"

"$here/install.sh" --prepare
docker compose stop proxy api
docker compose up --detach --no-build --wait timescaledb

# The update has to be the first statement of its session, in every database that has the extension.
databases=$(sql postgres 'SELECT datname FROM pg_database WHERE datallowconn ORDER BY datname')
for database in $databases; do
  if [ -n "$(sql "$database" "SELECT 1 FROM pg_extension WHERE extname = 'timescaledb'")" ]; then
    sql "$database" 'ALTER EXTENSION timescaledb UPDATE'
    echo "$database: $(sql "$database" "SELECT 'TimescaleDB ' || extversion FROM pg_extension WHERE extname = 'timescaledb'")"
  fi
done
docker compose up --detach --no-build --remove-orphans --wait

# The system's disk is small. Tidemark's newest two images stay, to go back to; others can be pulled again.
docker image ls --filter 'reference=tidemark:*-*' --format '{{.Repository}}:{{.Tag}}' | tail -n +3 | while IFS= read -r image; do
  docker image rm "$image" < /dev/null > /dev/null || true
done
docker image prune --all --force --filter label!=org.opencontainers.image.title=Tidemark > /dev/null
docker builder prune --force --filter until=336h > /dev/null
