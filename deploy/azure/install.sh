#!/bin/sh
# Sets Tidemark up on the VM, from the clone at /srv/tidemark/app: folders, settings, passwords, image, systemd units.
# Run it as root: the first time and after every change of the clone. A new VM runs it by itself. What is there stays.
# Usage: install.sh [--prepare]   with --prepare nothing is started
set -eu
here=$(cd "$(dirname "$0")" && pwd -P)
compose=$(dirname "$here")/docker
data=/srv/tidemark

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

[ "$(id -u)" = 0 ] || fail "run it as root: sudo $0"
mountpoint -q "$data" || fail "the data disk isn't mounted at $data: systemctl status tidemark-disk"
[ "$here" = "$data/app/deploy/azure" ] || fail "the clone belongs at $data/app, so that settings and passwords stay with the data"
# shellcheck source=/dev/null
. /etc/tidemark/azure.env

# The database's folder gets owner and mode from the image, when the volume is first used, and keeps them: PostgreSQL
# refuses any other. The other images' user is 1654.
mkdir -p "$data/postgres"
install -d -m 0700 "$data/backups"
install -d -m 0700 -o 1654 -g 1654 "$data/keys" "$data/caddy"

# Six tenths of the memory for the database; the rest is for the API, the proxy, Docker and Ubuntu.
if [ ! -e "$compose/.env" ]; then
  "$compose/create-env.sh" "$(awk '/^MemTotal/ { print int($2 / 1024 * 0.6) }' /proc/meminfo)"
fi
if ! grep -q '^COMPOSE_FILE=' "$compose/.env"; then
  cat >> "$compose/.env" <<END

# The production overlay.
COMPOSE_FILE=compose.yaml:compose.production.yaml
TIDEMARK_DATA=$data
TIDEMARK_SITE=$TIDEMARK_SITE
END
fi

cd "$compose"
image=$(sed -n 's/^TIDEMARK_IMAGE=//p' .env)
case $image in
  */*)
    # Azure's registries know the VM's identity; for others, docker login.
    case $image in *.azurecr.io/*) "$here/registry-login.sh" "${image%%/*}" ;; esac
    docker compose pull api
    ;;
  '')
    # With a tag of its own for each commit, so that there is an image to go back to.
    revision=$(git -C "$here" rev-parse --verify --quiet HEAD 2> /dev/null || true)
    TIDEMARK_REVISION=$revision docker compose build --pull api
    image=$(sed -n 's/^  image: .*TIDEMARK_IMAGE:-\(.*\)}$/\1/p' compose.yaml)
    docker tag "$image" "$image-$(echo "${revision:-$(date -u +%Y%m%dT%H%M%SZ)}" | cut -c 1-16)"
    ;;
  *) ;; # One of this machine, which somebody went back to.
esac
docker compose pull timescaledb proxy

for unit in "$here"/systemd/*; do
  case $unit in
    */tidemark-disk.service | */tidemark-resume.service) ;; # the VM's own, there since its first boot
    *) install -m 0644 "$unit" /etc/systemd/system/ ;;
  esac
done
systemctl daemon-reload
systemctl enable --quiet tidemark.service tidemark-refresh.timer tidemark-maintain.timer tidemark-backup.timer

if [ "${1:-}" = --prepare ]; then
  exit
fi
if [ -s "$data/keys/tidemark-keys.json" ]; then
  systemctl start tidemark.service
  docker compose up --detach --no-build --remove-orphans --wait
  systemctl start tidemark-refresh.timer tidemark-maintain.timer tidemark-backup.timer
  echo "Tidemark runs: https://$TIDEMARK_SITE"
else
  echo "Tidemark is set up. It starts once there is a key, which is shown this once:"
  echo "  cd $compose && docker compose run --rm admin key add me --scope admin"
  echo "then run this again"
fi
