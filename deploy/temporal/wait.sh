# shellcheck shell=sh
# Sourced by the setup scripts: repeats a command until it works or the attempts are used up.
#
# The command is the condition of an `if`, where `set -e` does not end the script on its failure.

wait_until() {
    what="$1"
    shift
    attempt=1
    until "$@" >/dev/null 2>&1; do
        if [ "$attempt" -ge "${WAIT_ATTEMPTS:-60}" ]; then
            echo "$what: gave up after $attempt attempts" >&2
            return 1
        fi
        echo "$what: not yet ($attempt)"
        attempt=$((attempt + 1))
        sleep "${WAIT_SECONDS:-2}"
    done
    echo "$what: ready"
}
