"""What was wanted of the program, and whether the numbers say so. Nothing here is written by hand but the bounds."""
import statistics

STOCK = ("minisign", "openssl")
SIZES = (("200 KB", 3), ("64 MB", 5), ("1 GB", 10))
# Set, prefix of the label, peers, minimum factor, and the text of the row.
FASTER = (
    [("verify", label, STOCK, bound, f"`verify` of {label} at least {bound} times as fast as the stock pipeline")
     for label, bound in SIZES]
    + [("pack", label, ("gzip",), 2, f"`pack` of {label} at least 2 times as fast as tar, gzip -6, sums and minisign")
       for label in ("200 KB", "64 MB", "1 GB")]
    + [("pack", label, ("rauc",), 1, f"`pack` of {label} ahead of `rauc bundle`") for label in ("200 KB", "64 MB", "1 GB")]
    + [("audit", "2,000 bundles", ("openssl",), 50, "`audit` of 2,000 bundles at least 50 times as fast as the full shell loop"),
       ("gate", "gate", ("psql", "wrapper"), 1, "`gate` no slower than `psql -c`"),
       ("run", "One-Roof", ("everything",), 1, "`run` of One-Roof no slower than `psql -1 -f` of all that it asks"),
       ("load", "20,000 inserts", ("psql",), 1, "`run` of 20,000 inserts no slower than `psql -1 -f`"),
       ("load", "COPY", ("psql", "copy"), 1, "`run` with a COPY of 1,000,000 rows no slower than `psql -1 -f`"),
       ("load", "2,000 inserts", ("psql",), 1, "the same of 2,000 inserts, 1 ms away")]
)

# `verify` unpacks nothing, but the pipeline does: these rows show the remaining factor where pgseal unpacks too.
CONTENTS = [(label, bound, f"the same by `verify --contents`, which unpacks {label} as the pipeline does") for label, bound in SIZES]


def table(results):
    lines = ["| wanted | measured | |", "|---|---|---|"]
    for name, label, peers, bound, words in FASTER:
        for group in groups(results, name, label):
            for peer in peers:
                lines.append(row(words + cache(group), group, "pgseal", peer, bound))
    for label, bound, words in CONTENTS:
        for group in groups(results, "verify", label):
            for peer in STOCK:
                lines.append(row(words, group, "contents", peer, bound))
    for group in groups(results, "pack", ""):
        lines.append(memory(group))
    lines += [linear(group) for group in groups(results, "audit", "cores")]
    return "\n".join(line for line in lines if line)


def groups(results, name, label):
    part = results["sets"].get(name, {"groups": []})
    return [group for group in part["groups"] if group["label"].startswith(label)]


def cache(group):
    return ", cold cache" if group["cache"] == "cold" else ""


def find(group, key):
    return next((c for c in group["commands"] if c["key"] == key and not c.get("missing")), None)


def ratios(group, key, ours=None):
    """A peer's time over that of the command `ours`, which is the group's first unless it is named; round by round."""
    ours, peer = find(group, ours or group["commands"][0]["key"]), find(group, key)
    if not peer or not ours:
        return []
    return [b / a for a, b in zip(ours["seconds"], peer["seconds"])]


def row(words, group, ours, peer, bound):
    command = next((c for c in group["commands"] if c["key"] == peer), None)
    values = ratios(group, peer, ours)
    if not command or not find(group, ours):
        return ""
    if not values:
        return f"| {words} | {command.get('missing', '')} | not measured |"
    median = statistics.median(values)
    return f"| {words} | {median:.2f} ({min(values):.2f} to {max(values):.2f}) times, against {command['name']} | {verdict(median >= bound)} |"


def verdict(holds):
    return "met" if holds else "**not met**"


def memory(group):
    ours, theirs = find(group, "pgseal"), find(group, "rauc")
    if not ours or not theirs or group["size"] < 10_000_000:
        return ""
    share = ours["peak_kib"] / theirs["peak_kib"]
    return (f"| `pack` of {group['label']} with a tenth of the memory of `rauc bundle` | {ours['peak_kib'] / 1024:.0f} MiB of "
            f"{theirs['peak_kib'] / 1024:.0f} MiB: {share:.2f} | {verdict(share <= 0.1)} |")


def linear(group):
    """On n cores at least 0.9 n times as fast as on one."""
    one, last = group["commands"][0], group["commands"][-1]
    if one is last:
        return f"| `audit` linear in cores | only one core here | not measured |"
    median = statistics.median(a / b for a, b in zip(one["seconds"], last["seconds"]))
    cores = len(group["commands"])
    return f"| `audit` linear in cores | {median:.2f} times as fast on {cores} cores as on one | {verdict(median >= 0.9 * cores)} |"
