#!/bin/sh
# Prints how many KiB a folder's disk has for backups. A tenth of the disk, at most 10 GiB, stays free: the database may lie
# on the same one, and stops writing when it is full.
# Usage: room.sh FOLDER
set -eu
df -Pk "${1:?usage: room.sh FOLDER}" | awk 'NR == 2 {
  kept = $2 / 10
  if (kept > 10485760) kept = 10485760
  printf "%.0f\n", ($4 > kept ? $4 - kept : 0)
}'
