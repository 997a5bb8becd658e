"""The pages of one script: a picture for every figure that it saves, shows or leaves open."""

import weakref

MAX_PAGES = 64
MAX_PIXELS = 32 << 20  # of all pages together; the supervisor's `MAX_TOTAL_PIXELS`


class Page:
    """One picture with its table. `shown` says that the script did not save the figure but shows it or leaves it
    open."""

    def __init__(self, figure, size, rgba, table, notes):
        # A figure that the script closes may go; its page stays.
        self.figure, self.axes = weakref.ref(figure), [weakref.ref(axes) for axes in figure.axes]
        self.size, self.rgba, self.table, self.notes = size, rgba, table, notes
        self.shown = False

    def of(self, figure):
        """Whether this is an earlier picture of the figure as it is now. A figure that was cleared and drawn
        anew, as in a loop, has other axes: that is another page."""
        if self.figure() is not figure:
            return False
        now = figure.axes
        return not now or not self.axes or any(axes() is one for axes in self.axes for one in now)


class Pages:
    """Pages in the order of their first appearance."""

    def __init__(self):
        self.list = []
        self.left_out = []

    def add(self, page):
        figure = page.figure()
        self.left_out = [other for other in self.left_out if not other.of(figure)]
        place = next((i for i, other in enumerate(self.list) if other.of(figure)), len(self.list))
        others = sum(len(other.rgba) // 4 for i, other in enumerate(self.list) if i != place)
        fits = place < MAX_PAGES and others + len(page.rgba) // 4 <= MAX_PIXELS
        if fits or not others:
            self.list[place : place + 1] = [page]
        else:
            # An earlier picture of the figure is not what the script last saved.
            del self.list[place : place + 1]
            page.rgba = page.table = None
            self.left_out.append(page)

    def has(self, figure):
        return any(page.of(figure) for page in self.list)

    def knows(self, figure):
        """Whether the figure was captured, even if its picture is left out."""
        return self.has(figure) or any(page.of(figure) for page in self.left_out)

    def saved(self, figure):
        return any(page.of(figure) and not page.shown for page in self.list)

    def table(self, limit):
        """The elements of all pages with ids over all of them, and remarks."""
        elements, notes = [], []
        for number, page in enumerate(self.list):
            first = len(elements)
            if number > 0 and first + len(page.table) > limit:
                notes.append(f"the elements of page {number + 1} are left out: more than {limit} together")
                continue
            for element in page.table:
                element["id"] += first
                element["page"] = number
                for link in ("parent", "axes"):
                    if element.get(link) is not None:
                        element[link] += first
                elements.append(element)
            notes += page.notes if len(self.list) == 1 else [f"page {number + 1}: {note}" for note in page.notes]
        if self.left_out:
            count = f"{len(self.left_out)} more {'picture is' if len(self.left_out) == 1 else 'pictures are'}"
            notes.append(f"{count} left out: at most {MAX_PAGES} pages and {MAX_PIXELS} pixels")
        return elements, notes
