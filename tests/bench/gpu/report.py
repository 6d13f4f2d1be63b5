"""What a day has found so far, so that one that is ended keeps what it has: Markdown on standard output, the same and JSON in a
folder, and there the logs of what failed."""

import json
import time

# Of each log.
TAIL = 200_000
# Of why a part did not run what the last table shows.
WHY = 100


class Report:
    def __init__(self, out, head):
        out.mkdir(parents=True, exist_ok=True)
        self.out, self.head, self.parts = out, head, []
        self.begin = time.monotonic()
        self.markdown = (out / "gpu-day.md").open("w")
        (out / "logs.txt").unlink(missing_ok=True)

    def say(self, text):
        print(text, flush=True)
        print(text, file=self.markdown, flush=True)

    def save(self):
        document = {**self.head, "seconds": time.monotonic() - self.begin, "parts": [vars(part) for part in self.parts]}
        partial = self.out / "gpu-day.json.partial"
        partial.write_text(json.dumps(document, indent=1))
        partial.replace(self.out / "gpu-day.json")

    def keep_logs(self, of, files):
        """The end of each."""
        with (self.out / "logs.txt").open("ab") as kept:
            for file in files:
                with file.open("rb") as log:
                    log.seek(max(0, file.stat().st_size - TAIL))
                    kept.write(f"==> {of}: {file.parent.name}/{file.name}\n".encode() + log.read() + b"\n")

    def failures(self):
        return [failure for part in self.parts for failure in part.failures()]

    def summary(self):
        """All that is judged, and the parts: what is read where nothing but the last lines of the output is at hand."""
        self.say("\n## Summary\n")
        failures = self.failures()
        for failure in failures or ["all that was judged is as wanted"]:
            self.say(f"- {failure}")
        self.table("figure", "value", "wanted", "as wanted", rows=[
            (f"{part.name}: {figure['what']}", "" if figure["value"] is None else f"{figure['value']:.3g}", figure["wanted"],
             {None: "not judged", True: "yes", False: "**no**"}[figure["holds"]])
            for part in self.parts for figure in part.figures if figure["wanted"]])
        self.table("part", "outcome", "seconds", "outside computing", "why", rows=[
            (part.name, part.outcome, f"{part.seconds:.0f}", f"{part.outside():.0f}",
             (part.why or "").replace("|", "/")[:WHY]) for part in self.parts])

    def table(self, *columns, rows):
        lines = (columns, ["---"] * len(columns), *rows)
        self.say("\n" + "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines))
