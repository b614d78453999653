# shellcheck shell=bash
# A PostgreSQL server of the run's own: free port, fresh data, another user than root. Sourced by ./test.

postgres_pid=

postgres_start() {
    if [ -n "${STOREWARD_TEST_POSTGRES:-}" ]; then
        say "   using the server that STOREWARD_TEST_POSTGRES names"
        return
    fi
    local bin
    bin=$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin | sort -V | tail -n 1)
    if [ ! -x "$bin/initdb" ]; then
        say "   no PostgreSQL server under /usr/lib/postgresql"
        return 1
    fi
    postgres_prepare "$bin" || return 1
    local try port
    for try in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 10000))
        postgres_try "$bin" "$port" && return
    done
    say "   it did not start $try times; the last log:"
    tail -n 20 "$temp/postgres.log"
    return 1
}

postgres_prepare() {
    local home=$temp/postgres
    # The server refuses to run as root: then it runs as the user that Debian's package made.
    postgres_as=()
    [ "$(id -u)" != 0 ] || postgres_as=(setpriv --reuid=postgres --regid=postgres --init-groups --)
    mkdir -p "$home/socket" || return 1
    # The password is only seen by who may read the environment of this run.
    postgres_password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    printf '%s\n' "$postgres_password" >"$home/password"
    if [ "$(id -u)" = 0 ]; then
        chown -R postgres "$home" || return 1
    fi
    chmod 700 "$home"
    (cd / && ${postgres_as[@]+"${postgres_as[@]}"} "$1/initdb" -D "$home/data" -U storeward -E UTF8 --locale=C --no-sync --auth=password \
        --pwfile="$home/password") >"$temp/postgres.log" 2>&1 && return
    tail -n 20 "$temp/postgres.log"
    return 1
}

postgres_try() {
    local home=$temp/postgres port=$2 waited
    # A crash of this server loses nothing that anybody wants, so it need not wait for the disk.
    (cd / && exec ${postgres_as[@]+"${postgres_as[@]}"} "$1/postgres" -D "$home/data" -p "$port" -c listen_addresses=127.0.0.1 \
        -c unix_socket_directories="$home/socket" -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
        -c max_connections=300 -c shared_buffers=128MB) >>"$temp/postgres.log" 2>&1 &
    postgres_pid=$!
    for ((waited = 0; waited < 150; waited++)); do
        kill -0 "$postgres_pid" 2>/dev/null || return 1
        if "$1/pg_isready" -q -h 127.0.0.1 -p "$port"; then
            export STOREWARD_TEST_POSTGRES="postgres://storeward:$postgres_password@127.0.0.1:$port/postgres"
            say "   on 127.0.0.1:$port"
            return
        fi
        sleep 0.1
    done
    postgres_stop
    return 1
}

postgres_stop() {
    [ -n "$postgres_pid" ] || return 0
    local pid=$postgres_pid waited
    postgres_pid=
    kill -INT "$pid" 2>/dev/null
    for ((waited = 0; waited < 100; waited++)); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill -QUIT "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    return 0
}
