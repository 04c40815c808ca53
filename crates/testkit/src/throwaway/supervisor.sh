# Runs a throwaway server for pgseal: sh -c "$this" sh DIR, as the user the server runs as.
#
# Standard input is a pipe whose other end only pgseal holds. Its one line names the directory of the server programs.
# It ends when pgseal lets go of it or dies, however it dies; then the server is stopped and DIR removed.
# DIR/exited says that the server has ended by itself.

dir=$1
umask 077
exec 3<&0 </dev/null

make_cluster() {
    "$bin/initdb" --pgdata="$dir/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync 3<&- &&
        cat >>"$dir/data/postgresql.conf" <<SETTINGS
listen_addresses = ''
port = 5432
unix_socket_directories = '$dir'
unix_socket_permissions = 0700
max_connections = 60
fsync = off
full_page_writes = off
synchronous_commit = off
# In the data directory rather than in shared memory, where a killed server would leave it.
dynamic_shared_memory_type = mmap
logging_collector = off
log_destination = 'stderr'
timezone = 'UTC'
log_timezone = 'UTC'
jit = off
SETTINGS
}

# Signals are repeated because a server that has only just been forked still ignores them. No process to send them to: it
# has ended, and nobody is left to say so.
stop_when_pgseal_is_gone() {
    read -r _ <&3
    tries=0
    while [ ! -e "$dir/exited" ]; do
        if [ "$tries" -lt 400 ]; then signal=QUIT; else signal=KILL; fi
        kill -"$signal" "$1" || break
        tries=$((tries + 1))
        sleep 0.025
    done
} 2>/dev/null

if IFS= read -r bin <&3; then
    if make_cluster; then
        "$bin/postgres" -D "$dir/data" 3<&- &
        server=$!
        stop_when_pgseal_is_gone "$server" &
        wait "$server"
        : >"$dir/exited"
        wait
    else
        : >"$dir/exited"
        read -r _ <&3
    fi
fi

# Again when somebody still writes there, such as the copying of programs that pgseal died from.
tries=0
until rm -rf "$dir" 2>/dev/null || [ "$tries" -ge 50 ]; do
    tries=$((tries + 1))
    sleep 0.1
done
