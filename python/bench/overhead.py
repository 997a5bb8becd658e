"""What the binding adds to a render: processor time of the calling thread, as a share of the render's duration.

    python python/bench/overhead.py [RENDERS]

One worker renders labelled charts and pages of fixtures/, each made unlike all others by a comment, so that nothing is
recalled. For each render two things are measured:

- `caller`: processor time that the calling thread spends in `pool.render` (waiting does not count) and in making numpy
  arrays of the pages. It holds whatever the core does in that thread too, so it is an upper bound of the binding.
- `recalled`: wall clock of the same call when the pool knows the outcome, arrays included: arguments in, lock released
  and taken, outcome out, and no renderer.

The printed shares are medians over the renders; the goal is 2 % of the median duration of a render.
"""

import pathlib
import statistics
import sys
import time

import numpy as np
from visual_sdpo import RenderPool

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "fixtures"
KINDS = {"chart": ("lint", "*.py", "\n# {}\n"), "web": ("lint_web", "*.html", "\n<!-- {} -->\n")}


def call(pool, code):
    """Wall clock and processor time of the calling thread for one call, in seconds, and the bytes of its pages."""
    wall, cpu = time.perf_counter(), time.thread_time()
    outcome = pool.render(code)
    pages = [np.asarray(page) for page in outcome.pages]
    cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
    return wall, cpu, sum(page.nbytes for page in pages)


def measure(domain, renders):
    folder, pattern, comment = KINDS[domain]
    sources = [path.read_text() for path in sorted((FIXTURES / folder).glob(pattern))]
    codes = [sources[i % len(sources)] + comment.format(i) for i in range(renders)]
    first, second = [], []
    with RenderPool(domain, workers=1) as pool:
        call(pool, sources[0])
        before = pool.stats()
        for code in codes:
            first.append(call(pool, code))
            second.append(call(pool, code))
        after = pool.stats()
    assert after["jobs"] - before["jobs"] == renders, "the renders were not new"
    assert after["cache_hits"] - before["cache_hits"] == renders, "the second calls were not recalled"
    render, caller = (statistics.median(row[i] for row in first) for i in (0, 1))
    recalled = statistics.median(row[0] for row in second)
    size = statistics.median(row[2] for row in first)
    print(
        f"{domain:<6} {renders} renders: {render * 1e3:.1f} ms each, {size / 1e6:.2f} MB of pixels; "
        f"caller {caller * 1e3:.3f} ms = {caller / render:.2%}; "
        f"recalled {recalled * 1e3:.3f} ms = {recalled / render:.2%}"
    )


def main():
    renders = int(sys.argv[1]) if len(sys.argv) > 1 else 120
    for domain in KINDS:
        measure(domain, renders)


if __name__ == "__main__":
    main()
