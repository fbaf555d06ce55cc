#!/bin/sh
# Keeps files in the backup container, signed in as the VM's managed identity: no key, no password.
# Usage: blob.sh put FILE | blob.sh list | blob.sh get NAME FOLDER
set -eu
here=$(cd "$(dirname "$0")" && pwd)
usage="usage: blob.sh put FILE | blob.sh list | blob.sh get NAME FOLDER"
container=${TIDEMARK_BACKUP_CONTAINER:-}
if [ -z "$container" ] && [ -r /etc/tidemark/azure.env ]; then
  # shellcheck source=/dev/null
  . /etc/tidemark/azure.env
  container=$TIDEMARK_BACKUP_CONTAINER
fi
: "${container:?TIDEMARK_BACKUP_CONTAINER is not set}"
metadata=${TIDEMARK_METADATA:-http://169.254.169.254}
block_mib=${TIDEMARK_BLOCK_MIB:-64}
# After so many seconds it signs in again: a token is good for a day at most, a transfer may take longer than what is left of it.
token_seconds=${TIDEMARK_TOKEN_SECONDS:-300}
signed_in=0

umask 077
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
  echo "blob.sh: $1" >&2
  exit 1
}

# Headers come from a file, since arguments are visible to everyone on the machine.
request() {
  [ $(($(date +%s) - signed_in)) -lt "$token_seconds" ] || sign_in
  curl --silent --show-error --fail-with-body --retry 5 --retry-connrefused --max-time 900 --header "@$work/headers" \
    --header "x-ms-date: $(LC_ALL=C date -u '+%a, %d %b %Y %H:%M:%S GMT')" "$@"
}

sign_in() {
  resource=https%3A%2F%2Fstorage.azure.com%2F
  token=$(curl --silent --show-error --fail --noproxy '*' --retry 5 --max-time 30 --header Metadata:true \
    "$metadata/metadata/identity/oauth2/token?api-version=2018-02-01&resource=$resource${TIDEMARK_CLIENT_ID:+&client_id=$TIDEMARK_CLIENT_ID}" \
    | sed -n 's/.*"access_token" *: *"\([^"]*\)".*/\1/p')
  [ -n "$token" ] || fail "the VM has no managed identity, or no role on the container yet"
  printf 'Authorization: Bearer %s\nx-ms-version: 2021-12-02\n' "$token" > "$work/headers"
  signed_in=$(date +%s)
}

# In blocks, because one request takes 5000 MiB at most. The blob is there as a whole or not at all.
put() {
  file=$1
  [ -r "$file" ] || fail "$file can't be read"
  name=$(basename "$file")
  size=$(stat --format=%s "$file")
  number=0
  printf '<?xml version="1.0" encoding="utf-8"?><BlockList>' > "$work/list"
  while [ $((number * block_mib * 1048576)) -lt "$size" ]; do
    id=$(printf '%08d' "$number" | base64)
    dd if="$file" bs=1M skip=$((number * block_mib)) count="$block_mib" of="$work/block" status=none
    request --request PUT --header "Content-Type: application/octet-stream" --data-binary "@$work/block" --output "$work/answer" \
      "$container/$name?comp=block&blockid=$(echo "$id" | sed 's/=/%3D/g')" || fail "$name: block $number was refused: $(cat "$work/answer")"
    printf '<Latest>%s</Latest>' "$id" >> "$work/list"
    number=$((number + 1))
  done
  [ "$number" -gt 0 ] || fail "$file is empty"
  printf '</BlockList>' >> "$work/list"
  request --request PUT --header "Content-Type: application/xml" --header "x-ms-blob-content-type: application/octet-stream" \
    --data-binary "@$work/list" --output "$work/answer" "$container/$name?comp=blocklist" || fail "$name was refused: $(cat "$work/answer")"
  echo "$container/$name"
}

list() {
  request --output "$work/answer" "$container?restype=container&comp=list" || fail "the container was refused: $(cat "$work/answer")"
  grep -o '<Name>[^<]*</Name>' "$work/answer" | sed 's/<[^>]*>//g' || true
}

# In blocks too, so that each is done in time however large the blob is. What arrived stays, under a name of this state of the
# blob, and the next attempt goes on from there.
get() {
  name=$1
  target=$2/$name
  [ ! -e "$target" ] || fail "$target is there already"
  request --head --output "$work/answer" "$container/$name" || fail "$name could not be fetched; blob.sh list names what is there"
  size=$(header Content-Length)
  etag=$(header ETag)
  partial=$target.$(echo "$etag" | tr -cd '[:alnum:]').partial
  touch "$partial"
  from=$(stat --format=%s "$partial")
  [ $(((size - from) / 1024)) -lt "$("$here/../docker/room.sh" "$2")" ] || fail "the disk of $2 has no room for the $((size / 1048576)) MiB of $name"
  while [ "$from" -lt "$size" ]; do
    to=$((from + block_mib * 1048576 < size ? from + block_mib * 1048576 - 1 : size - 1))
    request --range "$from-$to" --header "If-Match: $etag" --output "$work/block" "$container/$name" \
      || fail "$name: bytes $from to $to were refused, try again: $(head -c 1000 "$work/block")"
    [ "$(stat --format=%s "$work/block")" -eq $((to - from + 1)) ] || fail "$name: something else than bytes $from to $to arrived, try again"
    cat "$work/block" >> "$partial"
    from=$((to + 1))
  done
  mv "$partial" "$target"
  echo "$target"
}

# header NAME: of the last answer to --head.
header() {
  tr -d '\r' < "$work/answer" | sed -n "s/^$1: *//Ip"
}

case ${1:-} in
  put) put "${2:?$usage}" ;;
  list) list ;;
  get) get "${2:?$usage}" "${3:?$usage}" ;;
  *) echo "$usage" >&2; exit 2 ;;
esac
