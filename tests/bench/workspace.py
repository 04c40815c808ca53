"""The directory where workloads lie, made once and kept: releases, bundles, and the same releases as others pack them."""
import hashlib, os, shutil, subprocess, sys
from concurrent.futures import ThreadPoolExecutor

from machine import missing
from measure import shell

HERE = os.path.dirname(os.path.abspath(__file__))

# How the usual tools pack a release: a list of digests, one archive, one signature.
LIST = "cd {release} && find . -type f | LC_ALL=C sort | xargs sha256sum >{work}/SHA256SUMS"
TAR = "tar -cf - . -C {work} SHA256SUMS"
MINISIGN = "cd {work} && minisign -S -W -s minisign.key -m {out}"
STOCK_PACK = {
    "gzip": LIST + " && " + TAR + " | gzip -6 >{work}/{out} && " + MINISIGN,
    "pigz": LIST + " && " + TAR + " | pigz -6 >{work}/{out} && " + MINISIGN,
    "zstd": LIST + " && " + TAR + " | zstd -q -3 -T0 -f -o {work}/{out} && " + MINISIGN,
    "rauc": "rauc bundle --cert ec.crt --key ec.key {rauc} {out}",
}


class Workspace:
    def __init__(self, directory, pgseal):
        self.directory, self.pgseal = directory, pgseal
        os.makedirs(directory, exist_ok=True)
        status = os.stat(pgseal)
        self.binary = f"{status.st_size} {status.st_mtime_ns}"
        self.keys()

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def run(self, line):
        shell(line, self.directory)

    def made(self, name, stamp, make):
        """`make`s the file or directory, unless it is there from the same recipe."""
        with open(os.path.join(HERE, "workloads.py"), "rb") as file:
            recipe = hashlib.sha256(file.read()).hexdigest()
        stamp, note = f"{stamp} {recipe}", self.path(f".{name}.made")
        if os.path.exists(note) and os.path.exists(self.path(name)):
            with open(note) as file:
                if file.read() == stamp:
                    return name
        print(f"bench: making {name}", file=sys.stderr)
        shutil.rmtree(self.path(name), ignore_errors=True)
        make(name)
        with open(note, "w") as file:
            file.write(stamp)
        return name

    def keys(self):
        """Keys of every tool; none of them is worth anything outside of this directory."""
        if not os.path.exists(self.path("trust.json")):
            self.run(f"'{self.pgseal}' keygen root --no-passphrase")
            self.run(f"'{self.pgseal}' keygen release --no-passphrase")
            self.run(f"'{self.pgseal}' trust init trust.json --root-key root.key --role release:1=release.pub")
        if not os.path.exists(self.path("ec.crt")) and not missing("openssl"):
            self.run("openssl ecparam -name prime256v1 -genkey -noout -out ec.key")
            self.run("openssl req -x509 -new -key ec.key -days 3650 -subj /CN=bench -out ec.crt")
            self.run("openssl pkey -in ec.key -pubout -out ec.pub")
        if not os.path.exists(self.path("minisign.key")) and not missing("minisign"):
            self.run("minisign -G -W -p minisign.pub -s minisign.key")
        os.environ["PGSEAL_TRUST"] = self.path("trust.json")

    def release(self, size, version="1.0.0"):
        """A release directory of about so many bytes."""
        make = lambda name: self.run(f"python3 '{HERE}/workloads.py' release {name} {size} {version}")
        return self.made(f"release-{size}", version, make)

    def bundle(self, size):
        release = self.release(size)
        pack = lambda name: self.run(f"'{self.pgseal}' pack {release} -o {name} --key release.key")
        return self.made(f"{size}.pgseal", self.binary, pack)

    def pack_line(self, tool, size, out):
        line = STOCK_PACK[tool].format(release=self.release(size), work=self.directory, out=out, rauc=f"rauc-{size}")
        if tool == "rauc":
            self.made(f"rauc-{size}", "", lambda name: self.rauc_directory(name, size))
        return line

    def rauc_directory(self, name, size):
        shutil.copytree(self.path(self.release(size)), self.path(name))
        with open(self.path(name, "manifest.raucm"), "w") as out:
            out.write("[update]\ncompatible=bench\nversion=1\n")

    def stock(self, tool, size):
        """The release as another tool packs it, with its signatures beside it."""
        name = f"{size}.{dict(gzip='tar.gz', pigz='tar.gz', zstd='tar.zst', rauc='raucb')[tool]}"

        def make(name):
            self.run(f"rm -f {name}")
            self.run(self.pack_line(tool, size, name))
            if tool == "gzip":
                self.run(f"openssl dgst -sha256 -sign ec.key -out {name}.sig {name}")

        return self.made(name, "", make)

    def archive(self, count):
        """Small bundles, each a version of its own, and beside them the same releases by tar, gzip and minisign."""

        def one(n):
            release = f"archive-{count}/.{n}"
            self.run(f"python3 '{HERE}/workloads.py' release {release} 12000 1.0.{n}")
            self.run(f"'{self.pgseal}' pack {release} -o archive-{count}/pgseal/{n}.pgseal --key release.key")
            if not missing("minisign"):
                tree = self.path(release)
                self.run(f"cd {tree} && find . -type f | LC_ALL=C sort | xargs sha256sum >../.{n}.sums && mv ../.{n}.sums SHA256SUMS"
                         f" && tar -czf ../tar/{n}.tar.gz . && cd ../.. && minisign -S -W -s minisign.key -m archive-{count}/tar/{n}.tar.gz")
            shutil.rmtree(self.path(release))

        def make(name):
            for part in ("pgseal", "tar"):
                os.makedirs(self.path(name, part))
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                list(pool.map(one, range(1, count + 1)))

        return self.made(f"archive-{count}", self.binary, make)

    def release_id(self, bundle):
        """What of a bundle another machine can compare: the same workload has the same id everywhere."""
        done = subprocess.run([self.pgseal, "verify", bundle], cwd=self.directory, capture_output=True, text=True)
        return next((line.split()[-1] for line in done.stdout.splitlines() if line.startswith("release id")), "")
