"""What must hold of any page: nothing beside the window, no label upon another."""

# Corners of the texts that a selector finds, as they stand after all turns; of a line, the part that letters take.
BOXES = """
(selector) => {
  const LETTERS = 0.7;
  const shrunk = ({ x, y, width, height }) => ({ x, width, y: y + (height * (1 - LETTERS)) / 2, height: height * LETTERS });
  const corners = ({ x, y, width, height }) => [[x, y], [x + width, y], [x + width, y + height], [x, y + height]];
  const seen = (element) => element.checkVisibility({ visibilityProperty: true }) && element.textContent.trim() !== "";
  const whole = (element) => !element.parentElement.closest(selector);
  return [...document.querySelectorAll(selector)].filter(seen).filter(whole).map((element) => {
    if (element instanceof SVGTextElement) {
      const turn = element.getScreenCTM();
      const place = ([x, y]) => new DOMPoint(x, y).matrixTransform(turn);
      return { text: element.textContent, corners: corners(shrunk(element.getBBox())).map(place).map(({ x, y }) => [x, y]) };
    }
    const range = document.createRange();
    range.selectNodeContents(element);
    const { x, y, width, height } = range.getBoundingClientRect();
    const stands = getComputedStyle(element).writingMode.startsWith("vertical");
    const box = stands
      ? { y, height, x: x + (width * (1 - LETTERS)) / 2, width: width * LETTERS }
      : shrunk({ x, y, width, height });
    return { text: element.textContent, corners: corners(box) };
  });
}
"""

# What reaches beyond the window and is not in a box of its own that scrolls.
OUTSIDE = """
() => {
  const width = document.documentElement.clientWidth;
  const scrolls = (element) => element && (/auto|scroll|hidden/.test(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
  return [...document.body.querySelectorAll("*")]
    .filter((element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
    .filter((element) => {
      const { left, right, width: own } = element.getBoundingClientRect();
      return own > 0 && (right > width + 1 || left < -1) && !scrolls(element.parentElement);
    })
    .map((element) => `${element.tagName} ${element.className?.baseVal ?? element.className}: ${element.textContent.slice(0, 40)}`);
}
"""


def assert_within_window(page):
    width, window = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.clientWidth]")
    assert width <= window, f"the page is {width} pixels wide in a window of {window}"
    outside = page.evaluate(OUTSIDE)
    assert not outside, outside


def assert_no_overlap(page, selector):
    """Returns how many texts there are."""
    boxes = page.evaluate(BOXES, selector)
    for place, one in enumerate(boxes):
        for other in boxes[place + 1 :]:
            assert not overlap(one["corners"], other["corners"]), f"{one['text']!r} lies upon {other['text']!r}"
    return len(boxes)


def overlap(one, other):
    """Whether two rectangles, however turned, share more than an edge: no side of either parts them."""
    for corners in (one, other):
        for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1]):
            across = (by - ay, ax - bx)
            length = (across[0] ** 2 + across[1] ** 2) ** 0.5
            if length == 0:
                continue
            along = [[(x * across[0] + y * across[1]) / length for x, y in shape] for shape in (one, other)]
            if max(along[0]) <= min(along[1]) + 0.5 or max(along[1]) <= min(along[0]) + 0.5:
                return False
    return True
