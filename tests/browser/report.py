"""The report: opened from disk, without a network."""

from chromium import Watched
from layout import assert_no_overlap, assert_within_window

MOST_BYTES = 6 << 20
ITERATIONS = ["Iteration 0", "Iteration 1", "Iteration 2"]
GRIDS = {"resid_pre": ("layer", "pos"), "z": ("layer", "head")}


def check(browser, report, screenshots):
    assert report.stat().st_size <= MOST_BYTES
    for width in (1280, 390):
        with Watched(browser, width) as watched:
            page = watched.page
            page.goto(report.as_uri())
            assert_figures(page)
            assert_within_window(page)
            page.screenshot(path=screenshots / f"report-{width}.png", full_page=True)
            assert_views(page)
            if width == 1280:
                assert_pointer(page)
            assert watched.requests == [report.as_uri()], watched.requests
            watched.assert_quiet("file:")


def assert_figures(page):
    for grid, axes in GRIDS.items():
        figure = page.locator(f'figure.heatmap[data-grid="{grid}"]')
        assert figure.count() == 1, grid
        facets = figure.locator("g.facet:visible")
        assert facets.count() == len(ITERATIONS), grid
        for facet, label in zip(facets.all(), ITERATIONS):
            assert facet.locator("text.facet-title").text_content() == label
            assert facet.locator(".cells").bounding_box()["width"] > 40
        named = set(figure.locator("text.axis:visible").all_text_contents())
        assert set(axes) <= named, named
        texts = assert_no_overlap(page, f'figure.heatmap[data-grid="{grid}"] text')
        assert texts > 3 * len(ITERATIONS), texts
    ticks = page.locator('figure.heatmap[data-grid="resid_pre"] text:visible').all_text_contents()
    assert any("(" in tick for tick in ticks), "tokens are on the axis of positions"


def assert_views(page):
    """The switch shows one view at a time, each without overlap."""
    for grid in GRIDS:
        figure = page.locator(f'figure.heatmap[data-grid="{grid}"]')
        labels = figure.locator("label")
        assert labels.count() >= 3, "effect, value and significance"
        for label in labels.all():
            label.click()
            assert figure.locator("svg:visible").count() == 1, label.text_content()
            assert_no_overlap(page, f'figure.heatmap[data-grid="{grid}"] text')


def assert_pointer(page):
    cells = page.locator('figure.heatmap[data-grid="resid_pre"] g.facet:visible .cells').first
    cells.scroll_into_view_if_needed()
    box = cells.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 2.5 / 8, box["y"] + 4)
    tip = page.locator(".tip")
    tip.wait_for(state="visible")
    assert "pos 2" in tip.text_content() and "±" in tip.text_content(), tip.text_content()
    assert_within_window(page)
