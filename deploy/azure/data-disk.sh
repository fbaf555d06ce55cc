#!/bin/sh
# Mounts the data disk as soon as it is attached, however late. A blank disk gets a file system first; one that holds
# anything is never written to by this script, other than to let its file system grow to the disk's size.
# Usage: data-disk.sh LUN MOUNT_POINT [SECONDS]   waits for ever unless SECONDS are given
set -eu
lun=${1:?usage: data-disk.sh LUN MOUNT_POINT [SECONDS]}
mount_point=${2:?usage: data-disk.sh LUN MOUNT_POINT [SECONDS]}
patience=${3:-}
dev=${DEV_FOLDER:-/dev}

fail() {
  echo "data-disk.sh: $1" >&2
  exit 1
}

# The first name is that of azure-vm-utils, for NVMe and SCSI; the second the older one, which NVMe sizes lack.
find_disk() {
  for path in "$dev/disk/azure/data/by-lun/$lun" "$dev/disk/azure/scsi1/lun$lun"; do
    if [ -b "$path" ]; then
      readlink -f "$path"
      return
    fi
  done
  return 1
}

waited=0
until disk=$(find_disk); do
  if [ -n "$patience" ] && [ "$waited" -ge "$patience" ]; then
    fail "there is no data disk at LUN $lun: attach it (terraform apply), then try again"
  fi
  [ $((waited % 60)) -ne 0 ] || echo "waiting for the data disk at LUN $lun"
  sleep 1
  waited=$((waited + 1))
done

if mountpoint -q "$mount_point"; then
  [ "$(findmnt --noheadings --output SOURCE --target "$mount_point")" = "$disk" ] || fail "something else than $disk is mounted at $mount_point"
else
  # Probing reads the disk itself, not a cache. 2 means that no signature of anything is there.
  status=0
  found=$(blkid --probe --output export "$disk") || status=$?
  case $status in
    0)
      type=$(echo "$found" | sed -n 's/^TYPE=//p')
      [ "$type" = ext4 ] || fail "$disk holds something other than an ext4 file system, and stays as it is: $(echo "$found" | tr '\n' ' ')"
      ;;
    2)
      # A disk without signatures may still hold data, encrypted for example. A new one is all zeros.
      cmp -s -n 16777216 "$disk" /dev/zero || fail "$disk has no file system, but isn't blank either, and stays as it is: if nothing on it is needed, blkdiscard $disk"
      mkfs.ext4 -q -m 1 -L tidemark "$disk" < /dev/null
      echo "made a file system on the blank disk $disk"
      ;;
    *) fail "what $disk holds can't be told, and it stays as it is (blkid ended with $status)" ;;
  esac
  mkdir -p "$mount_point"
  # By the path of the LUN and not by UUID, since a copy of the disk, attached for a restore, has the same UUID.
  mount -t ext4 -o noatime,nodev,nosuid "$disk" "$mount_point"
fi

# A disk that has grown; where it has not, this does nothing. Data that are there count more than room that isn't.
resize2fs "$disk" > /dev/null 2>&1 || echo "the file system on $disk could not grow to the disk's size: resize2fs $disk says why" >&2
echo "$disk is mounted at $mount_point"
