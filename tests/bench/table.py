"""A Markdown table that is printed row by row and can be read as it stands."""


class Table:
    def __init__(self, *columns):
        # Room for the longest name of a grid, and for numbers.
        self.widths = [max(len(column), 15 if place == 0 else 7) for place, column in enumerate(columns)]
        self.row(*columns)
        print("|" + "|".join("-" * (width + 2) for width in self.widths) + "|", flush=True)

    def row(self, *cells):
        padded = (f"{cell:{'<' if place == 0 else '>'}{width}}"
                  for place, (cell, width) in enumerate(zip(cells, self.widths, strict=True)))
        print("| " + " | ".join(padded) + " |", flush=True)
