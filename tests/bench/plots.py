"""Plots as plain SVG, the same bytes for the same numbers; their colours follow the reader's light or dark."""
import math, statistics
from xml.sax.saxutils import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 380, 70, 340, 44, 48
COLOURS = ["#0b7a75", "#c2410c", "#7c3aed", "#0369a1", "#be185d", "#4d7c0f", "#a16207", "#6b7280"]
STYLE = """text { font: 13px system-ui, sans-serif; fill: #1f2328 } .title { font-size: 15px; font-weight: 600 }
.axis { stroke: #59636e } .grid { stroke: #d1d9e0 } svg { background: #ffffff }
@media (prefers-color-scheme: dark) { text { fill: #f0f6fc } .axis { stroke: #9198a1 } .grid { stroke: #3d444d } svg { background: #0d1117 }
.line { filter: brightness(1.7) } }"""


def plots(results):
    made = {}
    for name, title in (("verify", "Verify: seconds against size, warm cache"), ("pack", "Pack and sign: seconds against size")):
        groups = [g for g in results["sets"].get(name, {"groups": []})["groups"] if g["cache"] == "warm"]
        if groups:
            made[f"{name}.svg"] = against_size(title, groups)
    for group in results["sets"].get("audit", {"groups": []})["groups"]:
        if group["label"] == "cores":
            made["audit.svg"] = against_cores(group)
    return made


def against_size(title, groups):
    lines = {}
    for group in groups:
        for command in group["commands"]:
            if not command.get("missing"):
                lines.setdefault(command["name"], []).append((group["size"], statistics.median(command["seconds"])))
    sizes = [(group["size"], group["label"]) for group in groups]
    values = [y for points in lines.values() for _, y in points]
    low, high = 10 ** math.floor(math.log10(min(values))), 10 ** math.ceil(math.log10(max(values)))
    ticks = [(10**n, seconds(10**n)) for n in range(round(math.log10(low)), round(math.log10(high)) + 1)]
    return chart(title, lines, sizes, ticks, math.log10)


def seconds(value):
    return f"{value:g} s" if value >= 1 else f"{value * 1000:g} ms"


def against_cores(group):
    rate = [(int(c["key"]), group["size"] / statistics.median(c["seconds"])) for c in group["commands"]]
    ideal = [(n, rate[0][1] * n) for n, _ in rate]
    high = max(y for _, y in rate + ideal)
    step = 10 ** math.floor(math.log10(high))
    step = step / 2 if high / step < 3 else step
    ticks = [(n * step, f"{n * step:,.0f}") for n in range(math.ceil(high / step) + 1)]
    lines = {"pgseal audit": rate, "linear": ideal}
    return chart(f"Audit of {group['size']:,} bundles: bundles a second against cores", lines, [(n, str(n)) for n, _ in rate], ticks, float)


def chart(title, lines, across, up, scale):
    def x(value):
        low, high = scale(across[0][0]), scale(across[-1][0])
        return LEFT + (WIDTH - LEFT - RIGHT) * ((scale(value) - low) / (high - low) if high > low else 0.5)

    def y(value):
        low, high = scale(up[0][0]), scale(up[-1][0])
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (scale(value) - low) / (high - low)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">',
           f"<style>{STYLE}</style>", f'<text class="title" x="{LEFT}" y="24">{escape(title)}</text>']
    for value, label in up:
        out.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>')
        out.append(f'<text x="{LEFT - 8}" y="{y(value) + 4:.1f}" text-anchor="end">{escape(label)}</text>')
    for value, label in across:
        out.append(f'<text x="{x(value):.1f}" y="{HEIGHT - BOTTOM + 22}" text-anchor="middle">{escape(label)}</text>')
    out.append(f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>')
    for n, (name, points) in enumerate(lines.items()):
        colour = COLOURS[n % len(COLOURS)]
        path = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in points)
        thick = 3 if name.startswith("pgseal") else 1.5
        out.append(f'<polyline class="line" fill="none" stroke="{colour}" stroke-width="{thick}" points="{path}"/>')
        out += [f'<circle class="line" fill="{colour}" cx="{x(at):.1f}" cy="{y(value):.1f}" r="3"/>' for at, value in points]
    ends = sorted(((y(points[-1][1]), x(points[-1][0]), n, name) for n, (name, points) in enumerate(lines.items())))
    for at, (place, n, name, right) in zip(apart([end[0] for end in ends]), [(e[0], e[2], e[3], e[1]) for e in ends]):
        out.append(f'<line class="line" stroke="{COLOURS[n % len(COLOURS)]}" x1="{right + 5:.1f}" x2="{WIDTH - RIGHT + 18}" y1="{place:.1f}" y2="{at:.1f}"/>')
        out.append(f'<text x="{WIDTH - RIGHT + 22}" y="{at + 4:.1f}">{escape(name)}</text>')
    return "\n".join(out) + "\n</svg>\n"


def apart(places, gap=16.0):
    """The places of labels from top to bottom, none on another, none below the plot."""
    told = []
    for place in places:
        told.append(max(place, told[-1] + gap) if told else place)
    over = max(0.0, told[-1] - (HEIGHT - BOTTOM + 10)) if told else 0.0
    return [place - over for place in told]
