# Steps that end together with their run. Sourced by scripts/test and scripts/nightly.
#
# Each step runs in a process group of its own, with a temporary folder of the run as TMPDIR. However the
# run ends, the group ends first and the folder goes. An interrupted run says so and is never a success.

me=scripts/$(basename "$0")
current=start
passed=0
running=
patient=false
finished=false
interrupted=false
work=
trap conclude EXIT
trap 'interrupted=true; exit 129' HUP
trap 'interrupted=true; exit 130' INT
trap 'interrupted=true; exit 143' TERM
work=$(mktemp -d "${TMPDIR:-/tmp}/steps.XXXXXX")
# PostgreSQL refuses to run as root, and reaches its part of the folder as somebody else.
chmod 711 "$work"
export TMPDIR=$work

# step NAME COMMAND…: runs it, and returns its status.
step() {
    local began=$SECONDS status=0
    current=$1
    shift
    printf '\n==> %s\n' "$current"
    set -m
    "$@" </dev/null &
    running=$!
    set +m
    wait "$running" || status=$?
    end_running
    if ((status != 0)); then return "$status"; fi
    printf '<== %s: %d s\n' "$current" "$((SECONDS - began))"
    passed=$((passed + 1))
}

# note TEXT…: said again at the end.
note() {
    echo "NOT CHECKED: $*"
    echo "$*" >>"$work/notes"
}

# Ends what is left of the step. A patient one (packages being set up) is waited for instead.
end_running() {
    [[ -n $running ]] || return 0
    kill -TERM -- "-$running" 2>/dev/null || true
    if $patient && kill -0 "$running" 2>/dev/null; then
        echo "$me: waiting until the package manager is done" >&2 || true
        while kill -0 "$running" 2>/dev/null; do wait "$running" || true; done
    fi
    for _ in {1..100}; do
        kill -0 -- "-$running" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL -- "-$running" 2>/dev/null || true
    running=
}

conclude() {
    local status=$?
    set +e
    trap '' HUP INT TERM
    end_running
    local notes=()
    [[ -f $work/notes ]] && mapfile -t notes <"$work/notes"
    # A process that was killed may write its last file while the folder goes.
    [[ -z $work ]] || rm -rf "$work" 2>/dev/null || { sleep 1; rm -rf "$work"; }
    if $interrupted; then
        printf '\n%s: INTERRUPTED at "%s" after %d s\n' "$me" "$current" "$SECONDS" >&2
    elif ((status != 0)) || ! $finished; then
        ((status != 0)) || status=1
        printf '\n%s: FAILED at "%s" (exit %d)\n' "$me" "$current" "$status" >&2
    else
        printf '\n%s: every step passed in %d s\n' "$me" "$SECONDS"
        ((${#notes[@]} == 0)) || printf "$me: not checked: %s\n" "${notes[@]}"
        printf 'steps: %d passed, 0 failed\n' "$passed"
    fi
    exit "$status"
}
