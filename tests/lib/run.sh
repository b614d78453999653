# shellcheck shell=bash
# The run itself: steps with a line and a time each, the closing count, and the end of whatever was started.
# Sourced by ./test.

target=${CARGO_TARGET_DIR:-$root/target}
case $target in
    /*) ;;
    *) target=$PWD/$target ;;
esac
export CARGO_TARGET_DIR=$target

passed=0
failed=0
failures=()
flaky=()
# Every process started below inherits this word; by it the end of the run finds those that left their group (a
# database server, a browser), and no other.
export STOREWARD_TEST_RUN="run-$$-$RANDOM$RANDOM"

say() {
    printf '%s\n' "$*"
}

run_begins() {
    run_began=$SECONDS
    temp=$(mktemp -d "${TMPDIR:-/tmp}/storeward-test.XXXXXX") || exit 1
    # The database server runs as another user and has to walk through; nobody may list.
    chmod 711 "$temp"
    trap 'run_stops; exit 1' INT TERM HUP
    trap run_stops EXIT
    exec </dev/null
    if [ ! -t 1 ]; then
        export CARGO_TERM_PROGRESS_WHEN=never CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never} NO_COLOR=1
    fi
    # The linker and rustc on our largest crates want about 1.5 GiB each.
    local cores gibibytes
    cores=$(nproc)
    gibibytes=$(awk '/^MemAvailable/ { print int($2 / 1048576) }' /proc/meminfo)
    if [ "$gibibytes" -lt $((cores * 3 / 2)) ]; then
        cores=$((gibibytes * 2 / 3))
        export CARGO_BUILD_JOBS=${CARGO_BUILD_JOBS:-$((cores > 0 ? cores : 1))}
    fi
    # Tests wait for one another's sockets, databases and clocks as long as they work: with one of them a core, half of the machine stands idle.
    export NEXTEST_TEST_THREADS=${NEXTEST_TEST_THREADS:-$(($(nproc) * 2))}
}

# Runs a step in the foreground of a process group of its own, so that an interrupt can end all of it.
in_group() {
    set -m
    "$@" &
    step=$!
    set +m
    wait "$step"
    local status=$?
    step=
    return "$status"
}

timed() {
    local title=$1 began=$SECONDS status
    shift
    say "== $title"
    in_group "$@"
    status=$?
    if [ "$status" = 0 ]; then
        say "   ok: $title, $((SECONDS - began)) s"
    else
        say "   FAILED: $title, $((SECONDS - began)) s (status $status)"
    fi
    return "$status"
}

failed_step() {
    failures+=("$1")
    failed=$((failed + ${2:-1}))
}

# A step that tests nothing by itself: counts only when it fails.
check() {
    timed "$@" && return
    failed_step "$1"
    return 1
}

# A step without which nothing after it can run. Runs in this very shell, to leave its variables behind.
must() {
    local title=$1 began=$SECONDS
    shift
    say "== $title"
    if "$@"; then
        say "   ok: $title, $((SECONDS - began)) s"
        return
    fi
    say "   FAILED: $title"
    failed_step "$title"
    run_ends
}

# $1 title, $2 passed, $3 failed, $4 the runner's own status.
count() {
    passed=$((passed + $2))
    if [ "$3" -gt 0 ]; then
        failed_step "$1" "$3"
    elif [ "$4" != 0 ]; then
        failed_step "$1"
    fi
    say "   $1: $2 passed, $3 failed"
}

count_nextest() {
    # nextest keeps its own folder in the workspace, wherever cargo's target folder is.
    local title=$1 report=$root/target/nextest/default/junit.xml status head
    shift
    rm -f "$report"
    timed "$title" cargo nextest run "$@"
    status=$?
    head=$(grep -m1 '<testsuites ' "$report" 2>/dev/null)
    local all faults
    all=$(attribute tests "$head")
    faults=$(($(attribute failures "$head") + $(attribute errors "$head")))
    count "$title" $((all - faults)) "$faults" "$status"
    # Passed at a second try: named at the end, so that nobody takes them for sound.
    local name
    while IFS= read -r name; do
        flaky+=("$name")
    done < <(awk '/<testcase /{ match($0, /name="[^"]*"/); name = substr($0, RSTART + 6, RLENGTH - 7) } /<flaky(Failure|Error)/{ print name }' "$report" 2>/dev/null | sort -u)
}

attribute() {
    local value
    value=$(sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" <<<"$2")
    printf '%s' "${value:-0}"
}

# Only for the crates that have any: rustdoc links each of the others for nothing.
count_doc_tests() {
    local title=$1 log=$temp/doc-tests status crate packages=()
    for crate in crates/*/; do
        if has_doc_tests "$crate"; then
            packages+=(-p "storeward-$(basename "$crate")")
        fi
    done
    [ ${#packages[@]} -gt 0 ] || return 0
    timed "$title" log_to "$log" cargo test --quiet --doc "${packages[@]}"
    status=$?
    count "$title" "$(sum 's/^test result: .* \([0-9]*\) passed;.*/\1/p' "$log")" \
        "$(sum 's/^test result: .* \([0-9]*\) failed;.*/\1/p' "$log")" "$status"
}

# Whether a comment of the crate in folder $1 has a block that rustdoc compiles: one without a word behind its fence, or with a word of Rust's.
has_doc_tests() {
    find "$1/src" -name '*.rs' -exec awk '
        FNR == 1 { inside = 0 }
        /^[[:space:]]*\/\/[\/!] *```/ {
            inside = !inside
            sub(/^[^`]*```/, "")
            if (inside && /^(rust|no_run|should_panic|compile_fail|)(,.*)?$/) { found = 1 }
        }
        END { exit !found }' {} + 2>/dev/null
}

log_to() {
    local log=$1
    shift
    "$@" 2>&1 | tee "$log"
}

sum() {
    sed -n "$1" "$2" | awk '{ all += $1 } END { print all + 0 }'
}

count_node() {
    local title=$1 folder=$2 reports status
    reports=$temp/$(basename "$folder")-$RANDOM
    timed "$title" node_folder "$folder" "$reports"
    status=$?
    count_reports "$title" "$reports" "$status"
}

# The same files on both databases, side by side, and two of each at a time: a browser waits more than it works. What PostgreSQL's run says is shown
# when SQLite's has ended.
count_node_on_both() {
    local title=$1 folder=$2 reports status
    reports=$temp/$(basename "$folder")-$RANDOM
    timed "$title, on SQLite and PostgreSQL" node_on_both "$folder" "$reports"
    status=$?
    count_reports "$title, on SQLite" "$reports-sqlite" "$((status & 1))"
    count_reports "$title, on PostgreSQL" "$reports-postgres" "$((status & 2))"
}

node_on_both() {
    local other status=0
    STOREWARD_TEST_DATABASE=postgres node_lanes "$1" "$2-postgres" >"$2-postgres.log" 2>&1 &
    other=$!
    STOREWARD_TEST_DATABASE=sqlite node_lanes "$1" "$2-sqlite" || status=1
    wait "$other" || status=$((status | 2))
    say "== $1, on PostgreSQL"
    cat "$2-postgres.log"
    return "$status"
}

node_lanes() {
    local other status=0
    mkdir -p "$2" || return 1
    node_lane "$1" "$2" &
    other=$!
    node_lane "$1" "$2" || status=1
    wait "$other" || status=1
    return "$status"
}

# Each file that no other lane has taken. What it says is shown as a whole, once it has ended.
node_lane() {
    local file name status=0
    for file in "$1"/*.test.mjs; do
        name=$2/$(basename "$file" .test.mjs)
        if ! mkdir "$name.taken" 2>/dev/null; then
            # Not taken by another lane either: the disk is full, say.
            [ -d "$name.taken" ] || status=1
            continue
        fi
        node_twice "$file" "$name" >"$name.log" 2>&1 || status=1
        flock "$2" cat "$name.log"
    done
    return "$status"
}

# $1 title, $2 folder of reports, $3 status.
count_reports() {
    local name
    while IFS= read -r name; do
        flaky+=("$name")
    done < <(cat "$2"/*.flaky 2>/dev/null)
    count "$1" "$(sum_of 's/^# pass \([0-9]*\)$/\1/p' "$2")" \
        $(($(sum_of 's/^# fail \([0-9]*\)$/\1/p' "$2") + $(sum_of 's/^# cancelled \([0-9]*\)$/\1/p' "$2"))) "$3"
}

sum_of() {
    cat "$2"/*.tap 2>/dev/null | sed -n "$1" | awk '{ all += $1 } END { print all + 0 }'
}

# Every file of the folder $1, one after the other, its report under $2.
node_folder() {
    local file status=0
    mkdir -p "$2" || return 1
    for file in "$1"/*.test.mjs; do
        node_twice "$file" "$2/$(basename "$file" .test.mjs)" || status=1
    done
    return "$status"
}

# As nextest does it, a file with a fault is tried once more, and what passes then is named at the end.
node_twice() {
    node_file "$1" "$2.tap" && return
    sed -n 's/^ *not ok [0-9]* - //p' "$2.tap" >"$2.failed" 2>/dev/null
    say "   once more: $1"
    node_file "$1" "$2.tap" && mv "$2.failed" "$2.flaky"
}

node_file() {
    rm -f "$2"
    node --test --test-concurrency=1 --test-reporter=spec --test-reporter-destination=stdout \
        --test-reporter=tap --test-reporter-destination="$2" "$1"
}

npm_ci() {
    (cd "$1" && npm ci --no-audit --no-fund --loglevel=error)
}

# The processes that carry this run's word, by id, without this shell and what it runs at the moment.
leftovers() {
    local environ pid
    for environ in /proc/[0-9]*/environ; do
        pid=${environ#/proc/}
        pid=${pid%/environ}
        [ "$pid" = "$$" ] || [ "$pid" = "$BASHPID" ] && continue
        if tr '\0' '\n' <"$environ" 2>/dev/null | grep -qx "STOREWARD_TEST_RUN=$STOREWARD_TEST_RUN"; then
            # This very subshell's pipes are gone by the time anybody looks at them.
            [ -d "/proc/$pid" ] && printf '%s\n' "$pid"
        fi
    done 2>/dev/null
}

# Ends, by id, what the run left behind. Prints how many there were that did not end by themselves.
end_leftovers() {
    local pid round pids
    for round in 1 2 3 4 5 6 7 8 9 10; do
        mapfile -t pids < <(leftovers)
        [ ${#pids[@]} -gt 0 ] || return 0
        [ "$round" = 10 ] || sleep 0.3
    done
    for pid in "${pids[@]}"; do
        say "   left behind: $pid $(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | cut -c1-120)"
        kill -KILL "$pid" 2>/dev/null
    done
    return 1
}

# However the run ends.
run_stops() {
    trap - EXIT
    trap '' INT TERM HUP
    if [ -n "${step:-}" ]; then
        kill -TERM -- "-$step" 2>/dev/null
        local waited=0
        while kill -0 -- "-$step" 2>/dev/null && [ "$waited" -lt 50 ]; do
            sleep 0.1
            waited=$((waited + 1))
        done
        kill -KILL -- "-$step" 2>/dev/null
    fi
    postgres_stop
    end_leftovers
    [ -z "${temp:-}" ] || rm -rf "$temp"
}

run_ends() {
    postgres_stop
    if ! end_leftovers; then
        failed_step "processes were left behind"
    fi
    local name
    say ""
    for name in ${failures[@]+"${failures[@]}"}; do
        say "failed: $name"
    done
    for name in ${flaky[@]+"${flaky[@]}"}; do
        say "flaky, passed at another try: $name"
    done
    say "took $(((SECONDS - run_began) / 60)) min $(((SECONDS - run_began) % 60)) s"
    say "$passed passed, $failed failed"
    [ "$failed" = 0 ]
    exit
}
