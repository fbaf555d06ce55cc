#!/bin/sh
# Creates what compose.yaml needs: .env beside this script and, in secrets/, two random passwords.
# Usage: create-env.sh [MEMORY_IN_MIB]   memory for TimescaleDB, 2048 unless given
set -eu
cd "$(dirname "$0")"

memory=${1:-2048}
case $memory in
  '' | *[!0-9]*) echo "create-env.sh: '$memory' is not a number of MiB, such as 2048" >&2; exit 2 ;;
esac
if [ "$memory" -lt 512 ]; then
  echo "create-env.sh: TimescaleDB needs at least 512 MiB, not $memory" >&2
  exit 2
fi
for path in .env secrets; do
  if [ -e "$path" ]; then
    echo "create-env.sh: $PWD/$path is there already and stays as it is: its passwords are the database's. Without a database, remove it and run this again" >&2
    exit 1
  fi
done

# 192 random bits, in letters that no pass file, URI or shell takes for anything else.
password() {
  od -An -N24 -tx1 /dev/urandom | tr -d ' \n'
}

# The folder keeps everyone else on this host out. The files are readable for all, since the containers' users are others.
umask 077
mkdir secrets
password > secrets/postgres_password
printf '*:*:*:tidemark:%s\n' "$(password)" > secrets/pgpass
chmod 0444 secrets/postgres_password secrets/pgpass

cat > .env <<END
# Read by compose.yaml; written by create-env.sh. Passwords are in the folder of TIDEMARK_SECRETS.
TIDEMARK_SECRETS=./secrets

# Who refreshes, compresses and retains: database, server or external.
TIDEMARK_MAINTENANCE=database

# Ports on 127.0.0.1.
TIDEMARK_PORT=5000
TIMESCALEDB_PORT=5433

# Change these together: buffers a quarter, cache three quarters, maintenance a sixteenth of the memory.
TIMESCALEDB_MEMORY=${memory}m
TIMESCALEDB_SHARED_BUFFERS=$((memory / 4))MB
TIMESCALEDB_CACHE=$((memory * 3 / 4))MB
TIMESCALEDB_MAINTENANCE_WORK_MEM=$((memory / 16))MB
TIMESCALEDB_SHM=$((memory / 8))m
END
echo "created $PWD/.env and $PWD/secrets"
