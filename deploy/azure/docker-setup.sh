#!/bin/sh
# Installs Docker, Compose and what the deployment needs on Ubuntu 24.04, from Ubuntu's own packages. Again changes nothing.
set -eu
export DEBIAN_FRONTEND=noninteractive

# Read when Docker first starts. Containers go on while Docker itself is updated; their logs are bounded.
mkdir -p /etc/docker
cat > /etc/docker/daemon.json <<'END'
{
  "live-restore": true,
  "log-driver": "local",
  "log-opts": { "max-size": "10m", "max-file": "5" }
}
END

# The first boot shares the package lists with other first-boot jobs, and a mirror may be away for a moment.
for attempt in 1 2 3 4 5; do
  if apt-get -o DPkg::Lock::Timeout=300 update -q \
    && apt-get -o DPkg::Lock::Timeout=300 install -q -y --no-install-recommends \
      docker.io docker-compose-v2 docker-buildx git curl ca-certificates e2fsprogs iptables; then
    break
  fi
  [ "$attempt" -lt 5 ] || { echo "docker-setup.sh: the packages could not be installed; run it again once the network is there" >&2; exit 1; }
  sleep 15
done

# Names for disks at their LUN, also of NVMe sizes. Newer images have it already; without it data-disk.sh uses the older name.
apt-get -o DPkg::Lock::Timeout=300 install -q -y --no-install-recommends azure-vm-utils || true

systemctl enable --now docker
docker --version
docker compose version
