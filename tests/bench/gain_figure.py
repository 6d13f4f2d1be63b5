"""Draws curves over the length of prompts, one panel for each grid, as SVG. Standard library only."""

import math
from html import escape

WIDTH, HEIGHT, LEFT, TOP, GAP = 330, 240, 46, 34, 70
# Readable in print and by people who do not tell red from green.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#7b3294")


def drawn(lengths, curves):
    """`curves`: of each panel the values of each model over `lengths`."""
    panels = [panel(lengths, title, models, LEFT + place * (WIDTH + GAP)) for place, (title, models) in enumerate(curves.items())]
    names = list(next(iter(curves.values())))
    width, height = LEFT + len(panels) * (WIDTH + GAP) - GAP + 14, TOP + HEIGHT + 78
    legend = [f'<g transform="translate({LEFT + place * 150},{height - 14})"><rect y="-9" width="18" height="4" fill="{colour}"/>'
              f'<text x="24" y="-4">{escape(name)}</text></g>'
              for place, (name, colour) in enumerate(zip(names, COLOURS, strict=True))]
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
            'font-family="sans-serif" font-size="12">\n<rect width="100%" height="100%" fill="white"/>\n'
            + "\n".join(panels + legend) + "\n</svg>\n")


def panel(lengths, title, models, left):
    top = 5 * math.ceil(max(max(values) for values in models.values()) / 5)
    x = {length: WIDTH * place / (len(lengths) - 1) for place, length in enumerate(lengths)}

    def y(value):
        return HEIGHT * (1 - value / top)

    parts = [f'<g transform="translate({left},{TOP})">',
             f'<text x="{WIDTH / 2}" y="-14" text-anchor="middle" font-weight="bold">{escape(title)}</text>']
    for value in range(0, top + 1, 5):
        parts.append(f'<path d="M0 {y(value):.1f}H{WIDTH}" stroke="#ddd"/>'
                     f'<text x="-6" y="{y(value) + 4:.1f}" text-anchor="end">{value}x</text>')
    for length in lengths:
        parts.append(f'<text x="{x[length]:.1f}" y="{HEIGHT + 18}" text-anchor="middle">{length}</text>')
    parts.append(f'<text x="{WIDTH / 2}" y="{HEIGHT + 36}" text-anchor="middle">tokens of each prompt</text>')
    for values, colour in zip(models.values(), COLOURS, strict=True):
        points = " ".join(f"{x[length]:.1f},{y(value):.1f}" for length, value in zip(lengths, values, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
    return "\n".join([*parts, "</g>"])
