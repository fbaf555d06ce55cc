#!/bin/sh
# Signs Docker in to an Azure container registry as the VM's managed identity, which needs the role AcrPull there: see the
# variable registry_id. It lasts for three hours, so install.sh does it each time before it pulls.
# Usage: registry-login.sh REGISTRY   such as example.azurecr.io
set -eu
registry=${1:?usage: registry-login.sh REGISTRY}
if [ -r /etc/tidemark/azure.env ]; then
  # shellcheck source=/dev/null
  . /etc/tidemark/azure.env
fi

umask 077
body=$(mktemp)
trap 'rm -f "$body"' EXIT

fail() {
  echo "registry-login.sh: $1" >&2
  exit 1
}

field() {
  sed -n "s/.*\"$1\" *: *\"\([^\"]*\)\".*/\1/p"
}

token=$(curl --silent --show-error --fail --noproxy '*' --retry 5 --max-time 30 --header Metadata:true \
  "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fcontainerregistry.azure.net%2F${TIDEMARK_CLIENT_ID:+&client_id=$TIDEMARK_CLIENT_ID}" \
  | field access_token)
[ -n "$token" ] || fail "the VM has no managed identity"

# From a file, since arguments are visible to everyone on the machine.
printf 'grant_type=access_token&service=%s&access_token=%s' "$registry" "$token" > "$body"
refresh=$(curl --silent --show-error --fail --retry 5 --max-time 30 --data "@$body" "https://$registry/oauth2/exchange" | field refresh_token)
[ -n "$refresh" ] || fail "$registry doesn't know the VM's identity: set registry_id, apply, and wait five minutes"
printf '%s' "$refresh" | docker login "$registry" --username 00000000-0000-0000-0000-000000000000 --password-stdin > /dev/null
