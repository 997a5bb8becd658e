"""Rendering and diagnosis from Python against the same from Rust, on this machine.

    cargo build --release -p vsdpo-render --example bench_pool
    python python/bench/pool.py target/release/examples/bench_pool [ROUNDS]

Both sides render the labelled charts of fixtures/lint on two workers and judge each outcome; the median of the rounds
counts. A round of one side follows a round of the other, so that a busy machine slows both.
"""

import pathlib
import statistics
import subprocess
import sys
import time

from visual_sdpo import RenderPool, Task, diagnose

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "fixtures" / "lint"


def seconds(pool, scripts, mark):
    """Seconds to render and judge all scripts, and the number of findings."""
    task = Task("", "chart")
    codes = [f"{script}\n# {mark}" for script in scripts]
    start = time.perf_counter()
    outcomes = pool.render_all(codes)
    defects = sum(len(diagnose(task, outcome).defects) for outcome in outcomes)
    return time.perf_counter() - start, defects


def main():
    program, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 9
    scripts = sorted(path.read_text() for path in FOLDER.glob("*.py"))
    ours, theirs = [], []
    with RenderPool("chart", workers=2) as pool:
        seconds(pool, scripts, "warm")
        for i in range(rounds):
            ours.append(seconds(pool, scripts, i))
            line = subprocess.run([program, "1"], check=True, capture_output=True, text=True).stdout.split()
            theirs.append((float(line[0]), int(line[2])))
    assert {found for _, found in ours} == {found for _, found in theirs}, "the two sides found different defects"
    python, rust = (statistics.median(time for time, _ in side) for side in (ours, theirs))
    print(f"{len(scripts)} charts: Python {python:.3f} s, Rust {rust:.3f} s, throughput {rust / python:.3f} of Rust's")


if __name__ == "__main__":
    main()
