#!/bin/sh
# Installs and starts the database servers that the tests talk to: PostgreSQL with q3c and pgSphere, MariaDB;
# and a Java runtime for Spark. They listen on sockets in a folder of their own, to nobody else, and never
# run as root.
#
#   scripts/servers.sh start    install what is missing, start what does not run
#   scripts/servers.sh stop     stop both
#   scripts/servers.sh status   say what runs
#   scripts/servers.sh wipe     stop both and delete their data
set -eu
state=${VOBROKER_SERVERS:-${TMPDIR:-/tmp}/vobroker-servers-$(id -u)}

fail() {
    echo "scripts/servers.sh: $*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@" || fail "needs root for: $*"; fi
}

# Servers refuse to run as root: then they run as one of the system's plain users.
if [ "$(id -u)" = 0 ]; then
    plain=nobody
    as_plain() { setpriv --reuid="$plain" --regid="$(id -g "$plain")" --clear-groups env HOME="$state" "$@"; }
else
    plain=$(id -un)
    as_plain() { "$@"; }
fi

apt_install() {
    command -v apt-get >/dev/null || return 1
    # shellcheck disable=SC2086
    as_root env DEBIAN_FRONTEND=noninteractive sh -c \
        "apt-get install -y -q --no-install-recommends $* || { apt-get update -q && apt-get install -y -q --no-install-recommends $*; }" \
        >"${TMPDIR:-/tmp}/vobroker-servers-install.log" 2>&1
}

install_with() { # what, Debian packages, Homebrew formula
    if command -v brew >/dev/null; then
        brew install --quiet "$3" || fail "Homebrew cannot install $1 ($3)"
    else
        apt_install "$2" || fail "cannot install $1: neither apt-get nor brew gives $2"
    fi
}

# --- PostgreSQL ---

postgres_bin() {
    for folder in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -rV) \
        /opt/homebrew/opt/postgresql@17/bin /usr/local/opt/postgresql@17/bin; do
        if [ -x "$folder/initdb" ]; then
            echo "$folder"
            return
        fi
    done
}

install_postgres() {
    [ -n "$(postgres_bin)" ] || install_with PostgreSQL postgresql postgresql@17
    bin=$(postgres_bin)
    [ -n "$bin" ] || fail "PostgreSQL is installed but its initdb is nowhere known"
    extensions=$("$bin/pg_config" --sharedir 2>/dev/null || echo "${bin%/lib/*}/share/postgresql/$(basename "$(dirname "$bin")")")/extension
    for pair in q3c:q3c pg_sphere:pgsphere; do
        [ -f "$extensions/${pair%:*}.control" ] && continue
        major=$("$bin/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')
        if command -v apt-get >/dev/null; then
            apt_install "postgresql-$major-${pair#*:}" || fail "cannot install postgresql-$major-${pair#*:}"
        else
            pip install --quiet pgxnclient && PATH="$bin:$PATH" pgxn install --yes "${pair%:*}" ||
                fail "the extension ${pair%:*} of PostgreSQL cannot be installed"
        fi
    done
}

postgres_runs() { [ -S "$state/.s.PGSQL.5432" ] && "$(postgres_bin)/pg_isready" -q -h "$state"; }

# Everybody is let in, but for one role that has to give a password.
ask_password() {
    rules=$state/postgres/pg_hba.conf
    grep -q '^local all vobroker_password ' "$rules" && return
    { echo 'local all vobroker_password scram-sha-256'; cat "$rules"; } >"$state/pg_hba.new"
    as_plain cp "$state/pg_hba.new" "$rules"
    if postgres_runs; then as_plain "$(postgres_bin)/pg_ctl" -D "$state/postgres" reload >/dev/null; fi
}

start_postgres() {
    if postgres_runs; then
        ask_password
        return
    fi
    bin=$(postgres_bin)
    if [ ! -f "$state/postgres/PG_VERSION" ]; then
        as_plain "$bin/initdb" -D "$state/postgres" -U vobroker -A trust -E UTF8 --locale=C.UTF-8 --no-sync \
            >"$state/postgres-init.log" 2>&1 || fail "initdb failed: see $state/postgres-init.log"
    fi
    ask_password
    as_plain "$bin/pg_ctl" -D "$state/postgres" -l "$state/postgres.log" -w -t 60 start \
        -o "-c listen_addresses='' -c unix_socket_directories='$state' -c fsync=off -c full_page_writes=off" \
        >/dev/null || fail "PostgreSQL does not start: see $state/postgres.log"
}

# --- MariaDB ---

mariadb_server() {
    for program in mariadbd /usr/sbin/mariadbd /opt/homebrew/opt/mariadb/bin/mariadbd /usr/local/opt/mariadb/bin/mariadbd; do
        command -v "$program" 2>/dev/null && return
    done
    return 0
}

install_mariadb() {
    [ -n "$(mariadb_server)" ] || install_with MariaDB "mariadb-server-core mariadb-client-core" mariadb
    [ -n "$(mariadb_server)" ] || fail "MariaDB is installed but its mariadbd is nowhere known"
}

mariadb_runs() { [ -S "$state/mariadb.sock" ] && [ -f "$state/mariadb.pid" ] && kill -0 "$(cat "$state/mariadb.pid")" 2>/dev/null; }

start_mariadb() {
    mariadb_runs && return
    rm -f "$state/mariadb.sock"
    if [ ! -d "$state/mariadb/mysql" ]; then
        as_plain mariadb-install-db --no-defaults --datadir="$state/mariadb" --auth-root-authentication-method=normal \
            --skip-test-db >"$state/mariadb-init.log" 2>&1 || fail "mariadb-install-db failed: see $state/mariadb-init.log"
    fi
    as_plain sh -c "exec '$(mariadb_server)' --no-defaults --datadir='$state/mariadb' --socket='$state/mariadb.sock' \
        --pid-file='$state/mariadb.pid' --skip-networking --innodb-flush-log-at-trx-commit=0 --innodb-buffer-pool-size=64M \
        >>'$state/mariadb.log' 2>&1" &
    waited=0
    until mariadb_runs; do
        waited=$((waited + 1))
        [ "$waited" -le 120 ] || fail "MariaDB does not start: see $state/mariadb.log"
        sleep 0.5
    done
}

# --- Java ---

java_works() { java -version 2>&1 | grep -Eq 'version "(17|2[0-9])'; }

install_java() {
    java_works && return
    install_with "Java 17" openjdk-17-jre-headless openjdk@17
    java_works || fail "Spark needs Java 17 or newer; 'java -version' says otherwise"
}

case ${1:-start} in
    start)
        install_postgres
        install_mariadb
        install_java
        mkdir -p "$state"
        [ "$(id -u)" != 0 ] || chown "$plain" "$state"
        start_postgres
        start_mariadb
        echo "PostgreSQL and MariaDB run in $state"
        ;;
    stop | wipe)
        if postgres_runs; then as_plain "$(postgres_bin)/pg_ctl" -D "$state/postgres" -m fast -w stop >/dev/null; fi
        if mariadb_runs; then
            kill "$(cat "$state/mariadb.pid")"
            while mariadb_runs; do sleep 0.2; done
        fi
        [ "$1" = stop ] || rm -rf "$state"
        ;;
    status)
        if postgres_runs; then echo "PostgreSQL runs"; else echo "PostgreSQL does not run"; fi
        if mariadb_runs; then echo "MariaDB runs"; else echo "MariaDB does not run"; fi
        ;;
    *) fail "unknown command $1; there are start, stop, status and wipe" ;;
esac
