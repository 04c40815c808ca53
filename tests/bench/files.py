"""verify, pack and audit against what people use instead."""
import os

from machine import missing
from measure import Command, files_below, rounds

EXTRACT = ["rm -rf x && mkdir x"]
SUMS = "cd x && sha256sum -c --quiet SHA256SUMS"
MINISIGN = "minisign -V -q -p minisign.pub -m {0}"
OPENSSL = "openssl dgst -sha256 -verify ec.pub -signature {0}.sig {0}"


def verify(work, plan):
    for label, size in plan.sizes:
        for cache in ("warm", "cold"):
            what = f"verify a release of {label}, {cache} cache"
            commands = [one for one in verify_commands(work, size) if cache == "warm" or one.key in COLD]
            for command in commands:
                command.cold = cold_files(work, size, command) if cache == "cold" else []
            part = rounds(what, commands, work.directory, plan.part(size, cache))
            stored = os.path.getsize(work.path(work.bundle(size)))
            yield group("verify", label, size, what, part, cache=cache, stored=stored, release_id=work.release_id(work.bundle(size)))


COLD = ("pgseal", "minisign", "openssl", "rauc")


def verify_commands(work, size):
    pgseal, bundle = work.pgseal, work.bundle(size)
    gone = {tool: missing(*tools) for tool, tools in TOOLS.items()}
    tar = "" if gone["gzip"] else work.stock("gzip", size)
    zst = "" if gone["zstd"] else work.stock("zstd", size)
    rauc = "" if gone["rauc"] else work.stock("rauc", size)
    return [
        Command("pgseal", "pgseal verify", f"'{pgseal}' verify {bundle}"),
        Command("contents", "pgseal verify --contents", f"'{pgseal}' verify --contents {bundle}"),
        Command("minisign", "minisign -V, tar -xz, sha256sum -c", f"{MINISIGN} && tar -xzf {{0}} -C x && {SUMS}".format(tar),
                gone["gzip"], EXTRACT),
        Command("openssl", "openssl dgst -verify, tar -xz, sha256sum -c", f"{OPENSSL} && tar -xzf {{0}} -C x && {SUMS}".format(tar),
                gone["gzip"], EXTRACT),
        Command("zstd", "minisign -V, tar --zstd -x, sha256sum -c",
                f"{MINISIGN} && tar --zstd -xf {{0}} -C x && {SUMS}".format(zst), gone["zstd"], EXTRACT),
        Command("signature", "minisign -V alone, nothing extracted", MINISIGN.format(tar), gone["gzip"]),
        Command("rauc", "rauc info", f"rauc info --keyring=ec.crt {rauc}", gone["rauc"]),
        Command("rauc-extract", "rauc extract", f"rauc extract --keyring=ec.crt {rauc} x", gone["rauc"], ["rm -rf x"]),
    ]


# Programs that each peer needs.
TOOLS = {
    "gzip": ["minisign", "openssl", "tar", "gzip"], "pigz": ["minisign", "tar", "pigz"],
    "zstd": ["minisign", "tar", "zstd"], "rauc": ["rauc", "mksquashfs", "openssl"],
}


def cold_files(work, size, command):
    names = [command.line.split()[-1]] if command.key in ("pgseal", "rauc") else [f"{size}.tar.gz", f"{size}.tar.gz.minisig"]
    return [work.path(name) for name in names]


def pack(work, plan):
    for label, size in plan.sizes:
        what = f"pack and sign a release of {label}"
        release = work.release(size)
        commands = [Command("pgseal", "pgseal pack --key", f"'{work.pgseal}' pack {release} -o out.pgseal --key release.key -q")]
        for tool, name in (("gzip", "sha256sum, tar, gzip -6, minisign -S"), ("pigz", "sha256sum, tar, pigz -6, minisign -S"),
                           ("zstd", "sha256sum, tar, zstd -3 -T0, minisign -S"), ("rauc", "rauc bundle (squashfs of gzip -9)")):
            gone = missing(*TOOLS[tool])
            line = "" if gone else work.pack_line(tool, size, f"out.{tool}")
            commands.append(Command(tool, name, line, gone, [f"rm -f out.{tool}"]))
        part = rounds(what, commands, work.directory, plan.part(size, "pack"))
        for command in part["commands"]:
            if "seconds" in command:
                command["bytes"] = os.path.getsize(work.path(f"out.{command['key']}"))
        yield group("pack", label, size, what, part, cache="warm", release_id=work.release_id("out.pgseal"))
        work.run("rm -f out.* SHA256SUMS")


def audit(work, plan):
    count, archive = plan.bundles, work.archive(plan.bundles)
    cores = len(os.sched_getaffinity(0))
    whole = f"'{work.pgseal}' audit {archive}/pgseal -q"
    loop = "rm -rf loop; mkdir loop; find {0} -name '*.{1}' | xargs -P{2} -n1 sh '{3}'"
    here = os.path.dirname(os.path.abspath(__file__))
    commands = [
        Command("pgseal", "pgseal audit", whole),
        Command("minisign", "xargs -P: minisign -V, tar -xz, sha256sum -c", loop.format(archive + "/tar", "tar.gz", cores, here + "/one-tar.sh"),
                missing("minisign")),
        Command("openssl", "xargs -P: tar -x, openssl over DSSE, jq, sha256sum -c",
                loop.format(archive + "/pgseal", "pgseal", cores, here + "/one-bundle.sh"), missing("openssl", "jq")),
        Command("sums", "sha256sum of the same files", f"cat {archive}/pgseal/* | sha256sum"),
    ]
    what = f"audit of {count:,} bundles"
    yield group("audit", f"{count:,} bundles", count, what, rounds(what, commands, work.directory, plan.part(0, "audit")))
    cold = [Command(one.key, one.name, one.line, cold=files_below(work.path(archive, "pgseal"))) for one in commands[:1] + commands[3:]]
    what += ", cold cache"
    yield group("audit", f"{count:,} bundles", count, what, rounds(what, cold, work.directory, plan.part(0, "audit-cold")), cache="cold")
    if not missing("taskset"):
        each = [Command(str(n), f"on {n} of {cores}", f"taskset -c {allowed(n)} {whole}") for n in range(1, cores + 1)]
        what = f"audit of {count:,} bundles by cores"
        yield group("audit", "cores", count, what, rounds(what, each, work.directory, plan.part(0, "cores")))


def allowed(n):
    return ",".join(map(str, sorted(os.sched_getaffinity(0))[:n]))


def group(name, label, size, what, part, cache="warm", **more):
    return {"set": name, "label": label, "size": size, "what": what, "cache": cache, **more, **part}
