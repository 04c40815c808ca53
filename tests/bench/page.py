"""docs/benchmarks.md and its plots, from docs/benchmarks/results.json and nothing else."""
import json, os, re, statistics, sys, tempfile

import plots, targets

FORMAT = 1


def results_file(docs):
    return os.path.join(docs, "benchmarks/results.json")


def read(docs):
    try:
        with open(results_file(docs)) as file:
            results = json.load(file)
    except FileNotFoundError:
        return {"format": FORMAT, "sets": {}}
    if results.get("format") != FORMAT:
        sys.exit(f"bench: {results_file(docs)} is of format {results.get('format')}, not {FORMAT}: remove it and measure anew")
    return results


def keep(docs, results):
    os.makedirs(os.path.join(docs, "benchmarks"), exist_ok=True)
    text = json.dumps(results, indent=1, ensure_ascii=False)
    # Keeps each list of numbers on one line.
    text = re.sub(r"\[[-\d.,\s]+\]", lambda found: re.sub(r"\s+", " ", found.group()).replace("[ ", "[").replace(" ]", "]"), text)
    replace(results_file(docs), text + "\n")


def replace(path, text):
    with tempfile.NamedTemporaryFile("w", dir=os.path.dirname(path), delete=False, newline="\n") as out:
        out.write(text)
    os.chmod(out.name, 0o644)
    os.replace(out.name, path)


def write(docs):
    for path, text in rendered(docs).items():
        replace(path, text)


def check(docs):
    """Nothing, or what is not as the numbers make it."""
    for path, text in rendered(docs).items():
        with open(path) as file:
            if file.read() != text:
                return f"bench: {path} is not what results.json makes; `just bench render` writes it"
    return 0


def rendered(docs):
    results = read(docs)
    made = {os.path.join(docs, "benchmarks", name): text for name, text in plots.plots(results).items()}
    page = os.path.join(docs, "benchmarks.md")
    with open(page) as file:
        text = file.read()
    for name, block in blocks(results).items():
        begin, end = f"<!-- begin {name}: made by `just bench` -->", f"<!-- end {name} -->"
        if begin not in text or end not in text:
            sys.exit(f"bench: {page} has no marks {begin} and {end}")
        before, rest = text.split(begin, 1)
        text = f"{before}{begin}\n{block.strip()}\n{end}{rest.split(end, 1)[1]}"
    return {**made, page: text}


def blocks(results):
    made = {"machine": machine(results), "targets": targets.table(results)}
    for name in ("verify", "pack", "audit", "gate", "run", "load", "fingerprint"):
        made[name] = table(results["sets"].get(name))
    return {**made, "kernels": kernels(results["sets"].get("kernels")), "floors": floors(results)}


def machine(results):
    """Sets may be of different days and machines: each kind of machine with its sets."""
    told = {}
    for name, part in results["sets"].items():
        about = part["machine"]
        flags = ", ".join(about["flags"]) or "no vector or SHA instructions that we know"
        key = (f"{about['cpu']} ({flags}), {about['cores']} cores, {about['memory_mib'] / 1024:.0f} GiB, Linux {about['kernel']}, "
               f"files on {about['file_system']}, pgseal {about['versions'].get('pgseal', '?')}: {about['build']}")
        told.setdefault(key, []).append((name, about))
    lines = []
    for key, sets in told.items():
        lines.append(f"- {', '.join(name for name, _ in sets)}: {key}.")
        busy = [name for name, about in sets if about["load"] > 0.3 * about["cores"]]
        if busy:
            most = max(about["load"] for _, about in sets)
            lines.append(f"  **The machine had other work to do** (load average before it began: {most:.1f}; {', '.join(busy)}): trust ratios more than times, and neither much.")
    versions = {}
    for part in results["sets"].values():
        versions.update(part["machine"]["versions"])
    lines.append("- Versions: " + ", ".join(f"{name} {number}" for name, number in sorted(versions.items())) + ".")
    return "\n".join(lines)


def table(part):
    if not part:
        return "Not measured."
    floor = part["machine"]["floor_kib"]
    with_sizes = any("bytes" in command for group in part["groups"] for command in group["commands"])
    head = ["what", "by", "seconds: median (least to most)"] + (["packed"] if with_sizes else []) + ["memory", "times pgseal's"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for group in part["groups"]:
        what = f"{group['what']}; {group['rounds']} round{'' if group['rounds'] == 1 else 's'}"
        for n, command in enumerate(group["commands"]):
            cells = [what if n == 0 else "", code(command["name"])]
            if command.get("missing"):
                cells += [command["missing"]] + ["–"] * (len(head) - 3)
            else:
                cells.append(spread(command["seconds"], seconds))
                cells += [size(command["bytes"]) if "bytes" in command else ""] if with_sizes else []
                cells += [memory(command["peak_kib"], floor), ratio(group, command)]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def code(name):
    # A bar would end the cell, even inside code.
    name = name.replace("|", "\\|")
    return f"**{name}**" if name.startswith("pgseal") else name


def spread(values, show):
    return f"{show(statistics.median(values))} ({show(min(values))} to {show(max(values))})"


def seconds(value):
    return f"{value:.4f}" if value < 0.1 else f"{value:.3f}" if value < 10 else f"{value:.1f}"


def ratio(group, command):
    values = targets.ratios(group, command["key"])
    return "1" if command["key"] == group["commands"][0]["key"] else spread(values, times) if values else ""


def times(value):
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def memory(kib, floor):
    return f"under {floor / 1024:.0f} MiB" if kib <= floor * 1.02 else f"{kib / 1024:.0f} MiB"


def size(count):
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} KB"


def kernels(part):
    if not part:
        return "Not measured."
    lines = ["| kernel | time | throughput, one core |", "|---|---|---|"]
    for row in part["groups"][0]["kernels"]:
        time = nanoseconds(row["nanoseconds"]) if "nanoseconds" in row else ""
        rate = f"{row['megabytes_per_second']:,.0f} MB/s" if "megabytes_per_second" in row else ""
        lines.append(f"| {row['name']} | {time} | {rate} |")
    return "\n".join(lines)


def floors(results):
    """What the work that can't be left out would take at the kernels' rates, beside what was measured."""
    part = results["sets"].get("kernels")
    rates = {row["key"]: row.get("megabytes_per_second") for row in part["groups"][0]["kernels"]} if part else {}
    lines = ["| command | work that stays | floor on one core | on all | measured |", "|---|---|---|---|---|"]
    for name, kernel, work, count in (
        ("verify", "hash/16777216", "SHA-256 of the {} stored", lambda group: group["stored"]),
        ("pack", "gzip/compress", "deflate of the {}", lambda group: group["size"]),
    ):
        for group in results["sets"].get(name, {"groups": []})["groups"]:
            if group["cache"] != "warm" or group["size"] < 1_000_000 or not rates.get(kernel):
                continue
            floor, cores = count(group) / rates[kernel] / 1e6, results["sets"][name]["machine"]["cores"]
            measured = statistics.median(group["commands"][0]["seconds"])
            lines.append(f"| {code(group['commands'][0]['name'])} of {group['label']} | {work.format(size(count(group)))} "
                         f"| {seconds(floor)} s | {seconds(floor / cores)} s | {seconds(measured)} s |")
    return "\n".join(lines) if len(lines) > 2 else "Not measured."


def nanoseconds(value):
    for unit, size in (("ms", 1e6), ("µs", 1e3)):
        if value >= size:
            return f"{value / size:.2f} {unit}"
    return f"{value:.0f} ns"
