#!/bin/sh
# Asks Azure, before anything is made, whether the size is to be had in the region, whether the quota is enough for it, and whether
# the DNS label is free. It changes nothing, and names everything that would stop `terraform apply`.
# Usage: preflight.sh LOCATION VM_SIZE DNS_LABEL   signed in with `az login`
set -eu
usage="usage: preflight.sh LOCATION VM_SIZE DNS_LABEL"
location=${1:?$usage}
size=${2:?$usage}
label=${3:?$usage}
failed=0

problem() {
  echo "preflight.sh: $1" >&2
  failed=1
}

sku=$(az vm list-skus --location "$location" --resource-type virtualMachines --size "$size" --all --output tsv \
  --query "[?name=='$size'].[family, capabilities[?name=='vCPUs'].value | [0], restrictions[?type=='Location'].reasonCode | [0]]")
family=$(echo "$sku" | cut -f 1)
processors=$(echo "$sku" | cut -f 2)
restriction=$(echo "$sku" | cut -f 3)
if [ -z "$sku" ]; then
  problem "$location has no size $size: another vm_size or location"
elif [ "$restriction" != None ]; then
  problem "$size in $location isn't for this subscription ($restriction): another vm_size or location"
else
  echo "$size in $location: $processors processors"
fi

# Of the size's family and of all sizes together.
if [ -n "$sku" ]; then
  short=$(az vm list-usage --location "$location" --output tsv --query "[].[name.value, currentValue, limit]" \
    | awk -F '\t' -v family="$family" -v processors="$processors" \
      'tolower($1) == tolower(family) || $1 == "cores" { known++; if ($2 + processors > $3) print $1 " has " $2 " of " $3 " in use" } END { if (known < 2) print "no quota of " family " is known" }')
  if [ -n "$short" ]; then
    problem "the quota is too small for $processors more processors ($(echo "$short" | paste -s -d , -)): ask for more in the portal, Quotas, or another vm_size or location"
  else
    echo "quota: enough"
  fi
fi

free=$(az rest --method get --output tsv --query available --url \
  "https://management.azure.com/subscriptions/$(az account show --query id --output tsv)/providers/Microsoft.Network/locations/$location/CheckDnsNameAvailability?domainNameLabel=$label&api-version=2023-09-01")
if [ "$free" = true ]; then
  echo "$label.$location.cloudapp.azure.com: free"
else
  problem "$label.$location.cloudapp.azure.com is taken, unless it is your own already: another dns_label"
fi
exit "$failed"
