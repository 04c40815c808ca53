"""A throwaway server on a socket, started by another account where this one is root; nothing of it stays."""
import contextlib, os, pwd, shutil, subprocess, sys, tempfile, time

HERE = os.path.dirname(os.path.abspath(__file__))


def programs():
    """The directory of initdb and pg_ctl, or nothing."""
    root = os.path.dirname(os.path.dirname(HERE))
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(root, "target"))
    found = subprocess.run([os.path.join(root, ".ci/postgres-programs"), os.path.join(target, "postgres")],
                           stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return found.stdout.strip() if found.returncode == 0 else ""


def version(bin):
    return subprocess.run([os.path.join(bin, "postgres"), "--version"], stdout=subprocess.PIPE, text=True).stdout.strip()


def other_account():
    """PostgreSQL refuses to run as root."""
    if os.geteuid():
        return {}
    try:
        account = pwd.getpwnam("postgres")
    except KeyError:
        account = pwd.getpwnam("nobody")
    return dict(user=account.pw_uid, group=account.pw_gid, extra_groups=[])


GATE_USER = "gate_reader"


def make_gate_role(bin):
    """Gates are asked as a role that may only read; before PostgreSQL 14 that is one of each table's own grants."""
    psql = shutil.which("psql") or os.path.join(bin, "psql")
    read = f"grant pg_read_all_data to {GATE_USER}"
    subprocess.run([psql, "-X", "-q", "-d", "postgres", "-c", f"create role {GATE_USER} login", "-c", read], check=True)


@contextlib.contextmanager
def server(bin, settings=()):
    """Gives the directory of its socket; PGHOST and PGUSER are set meanwhile."""
    home = tempfile.mkdtemp(prefix="pgseal-bench-")
    os.chmod(home, 0o755)
    data, socket, account = os.path.join(home, "server/data"), os.path.join(home, "server"), other_account()
    os.mkdir(socket)
    if account:
        os.chown(socket, account["user"], account["group"])

    def run(program, *arguments):
        # The server inherits the log; a pipe would never reach its end.
        with open(os.path.join(home, "programs.log"), "a") as log:
            command = [os.path.join(bin, program), "-D", data, *arguments]
            done = subprocess.run(command, cwd="/", stdout=log, stderr=log, stdin=subprocess.DEVNULL, **account)
        if done.returncode:
            with open(os.path.join(home, "programs.log")) as log:
                sys.exit(f"{program} failed:\n{log.read()[-2000:]}")

    before = {name: os.environ.get(name) for name in ("PGHOST", "PGUSER", "PGDATABASE", "PGSEAL_GATE_USER")}
    try:
        run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-N")
        options = ["listen_addresses=", f"unix_socket_directories={socket}", "fsync=off", *settings]
        run("pg_ctl", "-l", os.path.join(socket, "log"), "-s", "-w", "start", "-o", " ".join(f"-c {o}" for o in options))
        os.environ.update(PGHOST=socket, PGUSER="postgres", PGSEAL_GATE_USER=GATE_USER)
        make_gate_role(bin)
        yield socket
    finally:
        subprocess.run([os.path.join(bin, "pg_ctl"), "-D", data, "-m", "immediate", "-s", "stop"], cwd="/",
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **account)
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def network(milliseconds, socket, directory):
    """A socket directory whose server is so far away; PGHOST leads there meanwhile."""
    far = os.path.join(directory, "far-socket")
    shutil.rmtree(far, ignore_errors=True)
    os.mkdir(far)
    path = os.path.join(far, ".s.PGSQL.5432")
    child = subprocess.Popen([sys.executable, os.path.join(HERE, "delay.py"), str(milliseconds), f"{socket}/.s.PGSQL.5432", path])
    try:
        while not os.path.exists(path):
            time.sleep(0.02)
        os.environ["PGHOST"] = far
        yield
    finally:
        os.environ["PGHOST"] = socket
        child.terminate()
        child.wait()
        shutil.rmtree(far, ignore_errors=True)
