"""The web page of a real coordinator: before there is anything, before there is a worker, and when all is done."""

import re
import time

from playwright.sync_api import expect

from chromium import PATIENCE_S, Watched
from layout import assert_no_overlap, assert_within_window

COMPUTED, NOOP, PENDING, NOT_DRAWN = 0, 2, 4, 5
WINDOWS = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
NAME = "<img src=x onerror=hacked()>"
LABELS = ["<b>Iteration 0</b>", "Iteration 1", "Iteration 2"]
GRIDS = {"resid_pre": ("layer", "pos"), "z": ("layer", "head")}
STATE = '#sweep [data-part="state"]'
TEXTS = ".tick, .axis, figcaption, .legend > span, .bar span, h1, h2, td, .facts"

# The middle of the left edge of each cell of a facet: its fill, beside its mark.
COLOURS = """
(canvas) => {
  const { names, others, facet } = canvas.hovered;
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const colour = (_, place) => {
    const x = ((place % others.length) + 0.1) * canvas.width / others.length;
    const y = (Math.floor(place / others.length) + 0.5) * canvas.height / names.length;
    return [...copy.getImageData(Math.floor(x), Math.floor(y), 1, 1).data].slice(0, 3);
  };
  return { colours: facet.effect.map(colour), status: facet.status, effect: facet.effect };
}
"""


def check(browser, cluster, screenshots):
    cluster.start()
    nothing_yet(browser, cluster)
    sweep = cluster.submit(spec_with_markup(cluster))
    with Watched(browser, 1280) as watched:
        page = watched.page
        page.goto(f"{cluster.url}/")
        page.get_by_role("link", name=NAME).click()
        assert_waits(page)

        with cluster.frozen_when(lambda: is_half_done(cluster, sweep)):
            pending = assert_half_done(page)
            show_all(browser, cluster, sweep, screenshots, "running")
        cluster.work()
        assert_fills_in(page, pending)
        assert_workers(page)
        assert_hover(page)
        assert page.url.endswith(f"#sweep={sweep}")
        assert page.locator("#sweep img, #sweep b").count() == 0, "names are text"
        watched.assert_quiet(cluster.url)
    show_all(browser, cluster, sweep, screenshots, "done")
    another_sweep(browser, cluster)
    rests_while_hidden(browser, cluster, sweep)
    lost_and_found(browser, cluster, sweep)
    shows_a_check(browser, cluster, cluster.check(sweep))


def spec_with_markup(cluster):
    """The example spec, with a name and a label that an unwary page would run."""
    spec = (cluster.data / "acronyms.toml").read_text()
    for old, new in [('name = "acronyms"', f'name = "{NAME}"'), ('label = "Iteration 0"', f'label = "{LABELS[0]}"')]:
        assert old in spec, old
        spec = spec.replace(old, new)
    for file in ("acronyms.txt", "acronym-gpt2"):
        (cluster.folder / file).symlink_to(cluster.data / file)
    path = cluster.folder / "markup.toml"
    path.write_text(spec)
    return path


def nothing_yet(browser, cluster):
    with Watched(browser, 390) as watched:
        watched.page.goto(f"{cluster.url}/")
        for text in ("No sweep yet.", "No worker is connected.", "None."):
            watched.page.get_by_text(text).wait_for()
        assert_within_window(watched.page)
        watched.assert_quiet(cluster.url)


def facets(page, grid):
    return page.locator("details.grid", has=page.get_by_role("heading", name=grid, exact=True)).locator(".facet")


def colours_of(page, grid):
    """The colours of each status, over all facets."""
    colours = {}
    for facet in facets(page, grid).all():
        shown = facet.locator("canvas").evaluate(COLOURS)
        for colour, status in zip(shown["colours"], shown["status"]):
            colours.setdefault(status, set()).add(tuple(colour))
    return colours


def wait_for(page, condition):
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        page.wait_for_timeout(100)


def assert_maps(page):
    """A heat map for each grid and iteration, with titles and axes."""
    for grid, (down, across) in GRIDS.items():
        found = facets(page, grid)
        found.nth(len(LABELS) - 1).wait_for()
        assert found.locator("figcaption").all_text_contents() == LABELS, grid
        assert found.locator(".axis.down").all_text_contents() == [down] * len(LABELS)
        assert found.locator(".axis.across").all_text_contents() == [across] * len(LABELS)
    tokens = facets(page, "resid_pre").first.locator(".tick.column").all_text_contents()
    assert len(tokens) == 8 and "(" in tokens[5], tokens


def assert_waits(page):
    """Without a worker."""
    page.locator(STATE, has_text="waiting").wait_for()
    page.get_by_text("for a worker to connect").wait_for()
    assert_maps(page)


def is_half_done(cluster, sweep):
    """Whether some cells are there and others are not."""
    results = cluster.ask(f"/api/sweeps/{sweep}/results?grid=resid_pre")
    status = {one for facet in results["facets"] for one in facet["status"]}
    assert PENDING in status, "the sweep was done before it could be looked at"
    return COMPUTED in status


def assert_half_done(page):
    """What waits, what need not be computed and what is there look different. Returns the colour of what waits."""
    wait_for(page, lambda: COMPUTED in colours_of(page, "resid_pre"))
    assert_maps(page)
    colours = colours_of(page, "resid_pre")
    assert set(colours) == {COMPUTED, NOOP, PENDING}, colours
    noop, pending = colours[NOOP], colours[PENDING]
    assert len(noop) == len(pending) == 1 and noop != pending and not pending & colours[COMPUTED], colours
    for text in ("not computed yet", "skipped as no-op"):
        assert page.locator(".legend", has_text=text).first.is_visible(), text
    return pending.pop()


def assert_fills_in(page, pending):
    """The open page shows the scores without being asked."""
    page.locator(STATE, has_text="done").wait_for()
    page.locator(".legend", has_text="not computed yet").first.wait_for(state="detached")
    assert_maps(page)
    for grid in GRIDS:
        for facet in facets(page, grid).all():
            shown = facet.locator("canvas").evaluate(COLOURS)
            assert pending not in map(tuple, shown["colours"]), grid
            for (red, _, blue), effect, status in zip(shown["colours"], shown["effect"], shown["status"]):
                assert status != NOOP or effect == 0
                if status == COMPUTED and abs(red - blue) > 8:
                    assert (red > blue) == (effect < 0), "red is negative, blue positive"
    first = facets(page, "resid_pre").first.locator("canvas").evaluate(COLOURS)
    red, _, blue = first["colours"][2]
    assert red > blue + 60, "the corrupted word at the first layer, far below zero"
    assert "100 %" in page.locator('#sweep [data-part="progress"]').text_content()


def assert_workers(page):
    row = page.locator("#workers tbody tr")
    # Memory comes with heartbeats, and the page asks less often when nothing runs.
    expect(row).to_contain_text(re.compile(r"[KMG]iB of [^B]*[MG]iB"), timeout=30_000)
    cells = dict(zip(page.locator("#workers th").all_text_contents(), row.locator("td").all_text_contents()))
    assert (cells["Device"], cells["State"]) == ("cpu", "active"), cells
    assert re.search(r"[KMG]iB of .*[MG]iB", cells["Memory"]), cells
    assert cells["Rate"].endswith("/s") and "%" in cells["Cache hits"] and int(cells["Tiles"]) > 0, cells


def assert_hover(page):
    canvas = facets(page, "resid_pre").first.locator("canvas")
    box = canvas.bounding_box()
    canvas.hover(position={"x": box["width"] * 2.5 / 8, "y": 4})
    tip = page.get_by_role("tooltip")
    text = tip.text_content()
    assert text.startswith("layer 0, pos 2") and re.search(r"effect −[\d.]+ ± [\d.]+", text), text
    assert text.endswith(LABELS[0]), text
    canvas.focus()
    page.keyboard.press("ArrowDown")
    assert tip.text_content().startswith("layer 1, pos 2"), tip.text_content()
    assert_within_window(page)
    page.keyboard.press("Escape")
    assert tip.is_hidden()


def show_all(browser, cluster, sweep, screenshots, name):
    """The list and the sweep, narrow and wide, light and dark."""
    for width, scheme in WINDOWS:
        with Watched(browser, width, scheme) as watched:
            page = watched.page
            for part, role, address in [("list", "link", "/"), ("sweep", "heading", f"/#sweep={sweep}")]:
                page.goto(f"{cluster.url}{address}")
                page.get_by_role(role, name=NAME).wait_for()
                if part == "sweep":
                    assert_maps(page)
                assert_within_window(page)
                assert_no_overlap(page, TEXTS)
                page.screenshot(path=screenshots / f"page-{part}-{name}-{width}-{scheme}.png", full_page=True)
            watched.assert_quiet(cluster.url)


def another_sweep(browser, cluster):
    """A link to what is not there says so and leads back."""
    with Watched(browser, 1280) as watched:
        page = watched.page
        page.goto(f"{cluster.url}/#sweep=<b>none</b>")
        page.get_by_text("no sweep `<b>none</b>`").wait_for()
        page.get_by_role("link", name="All sweeps").click()
        page.get_by_role("link", name=NAME).wait_for()


def rests_while_hidden(browser, cluster, sweep):
    """A page asks at most every two seconds, and not at all where nobody can see it."""
    with Watched(browser, 1280) as watched:
        page = watched.page
        page.clock.install()
        page.goto(f"{cluster.url}/#sweep={sweep}")
        assert_maps(page)
        asked = len(watched.requests)
        page.evaluate("Object.defineProperty(document, 'hidden', { value: true, configurable: true })")
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.clock.run_for(600_000)
        assert len(watched.requests) == asked, watched.requests[asked:]
        with page.expect_request("**/api/workers"):
            page.evaluate("Object.defineProperty(document, 'hidden', { value: false, configurable: true })")
            page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        asked = watched.requests.count(f"{cluster.url}/api/workers")
        page.clock.run_for(20_000)
        assert watched.requests.count(f"{cluster.url}/api/workers") <= asked + 10


def lost_and_found(browser, cluster, sweep):
    """The page says that the coordinator is gone, keeps what it shows, and goes on when it is back."""
    with Watched(browser, 390) as watched:
        page = watched.page
        page.goto(f"{cluster.url}/#sweep={sweep}")
        assert_maps(page)
        cluster.kill()
        page.get_by_role("alert").wait_for()
        assert "Lost the coordinator" in page.get_by_role("alert").text_content()
        assert_maps(page)
        assert_within_window(page)
        cluster.start()
        page.get_by_role("alert").wait_for(state="hidden")
        assert_maps(page)


def shows_a_check(browser, cluster, check):
    """Cells that a check did not draw look like no others, and say what they are."""
    with Watched(browser, 1280) as watched:
        page = watched.page
        page.goto(f"{cluster.url}/#sweep={check}")
        wait_for(page, lambda: {COMPUTED, NOT_DRAWN} <= set(colours_of(page, "resid_pre")))
        colours = colours_of(page, "resid_pre")
        not_drawn = colours.pop(NOT_DRAWN)
        assert len(not_drawn) == 1 and not any(not_drawn & others for others in colours.values()), colours
        assert page.locator(".legend", has_text="not drawn by check or").first.is_visible()
        canvas = facets(page, "resid_pre").first.locator("canvas")
        box, status = canvas.bounding_box(), canvas.evaluate(COLOURS)["status"]
        row, column = divmod(status.index(NOT_DRAWN), 8)
        canvas.hover(position={"x": box["width"] * (column + 0.5) / 8, "y": box["height"] * (row + 0.5) / 4})
        assert "no check and no `verify` drew it" in page.get_by_role("tooltip").text_content()
        watched.assert_quiet(cluster.url)
