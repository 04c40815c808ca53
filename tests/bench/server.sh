# Sourced: a throwaway server in "$work/server", started by another account where this one is root; ends with the shell.
# Needs $target. Sets $work, $as, $bin and PGHOST, PGUSER.
bin=$(.ci/postgres-programs "$target/postgres")
work=$(mktemp -d)
chmod 755 "$work"
as=()
if [ "$(id -u)" = 0 ]; then
    account=postgres
    id postgres >/dev/null 2>&1 || account=nobody
    as=(setpriv "--reuid=$account" "--regid=$(id -g "$account")" --clear-groups)
    install -d -o "$account" "$work/server"
else
    mkdir "$work/server"
fi
stop() {
    "${as[@]}" "$bin/pg_ctl" -D "$work/server/data" -m immediate -s stop 2>/dev/null || true
    for child in $(jobs -p); do kill "$child" 2>/dev/null || true; done
    rm -rf "$work"
}
trap stop EXIT
(cd /; "${as[@]}" "$bin/initdb" -D "$work/server/data" -A trust -U postgres -E UTF8 --locale=C -N >/dev/null
"${as[@]}" "$bin/pg_ctl" -D "$work/server/data" -l "$work/server/log" -s -w start \
    -o "-c listen_addresses= -c unix_socket_directories=$work/server -c fsync=off")
export PGHOST=$work/server PGUSER=postgres
