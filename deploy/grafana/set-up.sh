#!/bin/sh
# Creates what compose.yaml of this folder needs beside deploy/docker's: passwords in secrets/, and the role tidemark_reader.
# Run again it keeps the files and puts the role right, which is also how a new password comes into force.
# Usage, in deploy/docker and with the store running: ../grafana/set-up.sh
set -eu
cd "$(dirname "$0")/../docker"
if [ ! -d secrets ]; then
  echo "set-up.sh: there is no $PWD/secrets: run create-env.sh and start the store first" >&2
  exit 1
fi

# The folder keeps everyone else on this host out. The files are readable for all, since the container's user is another.
umask 077
for name in grafana_admin_password grafana_reader_password; do
  [ -e "secrets/$name" ] || od -An -N24 -tx1 /dev/urandom | tr -d ' \n' > "secrets/$name"
done
# Any text will do while the API asks for no key.
[ -e secrets/grafana_key ] || printf none > secrets/grafana_key
chmod 0444 secrets/grafana_*

TIDEMARK_READER_PASSWORD=$(cat secrets/grafana_reader_password)
export TIDEMARK_READER_PASSWORD
docker exec -i -e TIDEMARK_READER_PASSWORD timescaledb psql -X -q -v ON_ERROR_STOP=1 -U postgres -d iotdata < ../grafana/reader.sql
echo "created the role tidemark_reader, and in $PWD/secrets what Grafana needs"
