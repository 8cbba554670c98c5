#!/bin/sh
# Creates the namespace and its search attributes, and verifies their types. Safe to run again.
#
# An attribute that exists with another type cannot be mended here: the setup stops and says which.
# The names are those of contracts/search_attributes.py.
set -eu
. "$(dirname "$0")/wait.sh"

namespace="${TEMPORAL_NAMESPACE:-default}"
retention="${TEMPORAL_RETENTION:-720h}"
attributes="OperationType OperationOutcome TenantId WorkspaceId OperationRunId RunIdentityHash"

is_healthy() {
    temporal operator cluster health
}

has_namespace() {
    temporal operator namespace describe --namespace "$namespace"
}

# Two setups may run at once: who comes second finds the namespace made.
create_namespace() {
    has_namespace || temporal operator namespace create --namespace "$namespace" \
        --retention "$retention" || has_namespace
}

list_attributes() {
    listed="$(temporal operator search-attribute list --namespace "$namespace")"
}

# Type of the attribute in $listed; empty when it is not there.
type_of() {
    echo "$listed" | awk -v name="$1" '$1 == name { print $2 }'
}

# Makes what is missing, one call each: several names in one call are spelled differently by
# versions of the command line.
has_attributes() {
    list_attributes || return 1
    for attribute in $attributes; do
        [ -n "$(type_of "$attribute")" ] || temporal operator search-attribute create \
            --namespace "$namespace" --name "$attribute" --type Keyword || return 1
    done
    list_attributes || return 1
    for attribute in $attributes; do
        [ -n "$(type_of "$attribute")" ] || return 1
    done
}

wait_until "Temporal" is_healthy
wait_until "namespace $namespace" create_namespace
# A new namespace takes some seconds to reach every part of the server.
wait_until "search attributes" has_attributes
for attribute in $attributes; do
    if [ "$(type_of "$attribute")" != Keyword ]; then
        echo "search attribute $attribute has type $(type_of "$attribute"), not Keyword" >&2
        exit 1
    fi
done
