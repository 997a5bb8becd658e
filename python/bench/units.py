"""Unit costs of feedback, for the arithmetic of docs/scale.md: processor seconds of renders, comparisons and judging.

    python python/bench/units.py [COUNT] [FOLDER]

COUNT sources of each kind (default 40), one worker. A render and a comparison count the processor time of the whole
process tree, read from /proc; judging is what the trainer does with an outcome in its own thread: diagnosis, reward,
token weights, the teacher's message. FOLDER is a model's processor, for the time that it takes to prepare that message
with its picture, and for the tokens of the picture; it needs transformers and is left out without FOLDER.
"""

import os
import pathlib
import statistics
import sys
import time

import numpy as np
from visual_sdpo import (
    RenderPool,
    Task,
    diagnose,
    extract_code,
    mini_tasks,
    reward,
    score_chartmimic,
    score_design2code,
    statement_weights,
    teacher_messages,
)

FIXTURES = pathlib.Path(__file__).resolve().parents[2] / "fixtures"


def files(pattern):
    return [path.read_text() for path in sorted(FIXTURES.glob(pattern))]


def tree_seconds():
    """Processor seconds of this process and all below it, those that have ended included."""
    children, ticks = {}, {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            text = pathlib.Path("/proc", entry, "stat").read_text()
        except OSError:
            continue
        fields = text[text.rindex(")") + 2 :].split()
        children.setdefault(int(fields[1]), []).append(int(entry))
        ticks[int(entry)] = sum(map(int, fields[11:15]))
    total, todo = 0, [os.getpid()]
    while todo:
        process = todo.pop()
        total += ticks.get(process, 0)
        todo += children.get(process, [])
    return total / os.sysconf("SC_CLK_TCK")


def timed(calls):
    """Processor milliseconds of the tree and milliseconds of wall clock, a call; and what the calls returned."""
    wall, cpu = time.perf_counter(), tree_seconds()
    results = [call() for call in calls]
    each = 1e3 / len(results)
    return (tree_seconds() - cpu) * each, (time.perf_counter() - wall) * each, results


def renders(name, domain, language, sources, count):
    mark = "\n# {}\n" if language == "python" else "\n<!-- {} -->\n"
    fence = f"```{language}\n{{}}\n```"
    texts = [fence.format(sources[i % len(sources)] + mark.format(i)) for i in range(count)]
    codes = [extract_code(text, language)[0] for text in texts]
    with RenderPool(domain, language, workers=1) as pool:
        pool.render(sources[0])
        cpu, wall, outcomes = timed([lambda code=code: pool.render(code) for code in codes])
    png = statistics.median(len(o.png()) for o in outcomes if o.executed) / 1e3
    drawn = sum(o.executed for o in outcomes)
    print(f"{name:<22} {cpu:7.1f} CPU-ms, {wall:7.1f} ms, {png:.0f} kB as PNG, {drawn} of {count} drawn")
    return texts, outcomes


def judging(name, task, texts, outcomes, processor):
    times, tokens = [], []
    for text, outcome in zip(texts, outcomes):
        offsets = np.array([(i, min(i + 3, len(text))) for i in range(0, len(text), 3)])
        began = time.thread_time()
        diagnose(task, outcome)
        reward(task, [outcome])
        statement_weights(text, outcome, offsets, task=task)
        messages = teacher_messages(task, outcome, pictures="pil" if processor else None)
        judged = time.thread_time()
        if processor:
            asked = {"add_generation_prompt": True, "tokenize": True, "return_dict": True, "return_tensors": "pt"}
            grid = processor.apply_chat_template([messages], **asked)["image_grid_thw"]
            tokens.append(grid.prod(-1).sum().item() // 4)
        times.append((judged - began, time.thread_time() - judged))
    judge, prepare = (1e3 * statistics.median(row[i] for row in times) for i in (0, 1))
    more = f", prepared in {prepare:.1f} ms, {statistics.median(tokens):.0f} tokens of pictures" if processor else ""
    print(f"{name + ', judged':<22} {judge:7.1f} CPU-ms in the calling thread{more}")


def comparisons(name, score, pairs, mark):
    """The second round compares other sources with the same references, as the rollouts of a group are."""
    for round_, word in enumerate(("new", "known")):
        calls = [lambda a=a, b=b, r=round_: score(a + mark.format(r), b) for a, b in pairs]
        cpu, wall, _ = timed(calls)
        print(f"{name + ', ' + word:<22} {cpu:7.1f} CPU-ms, {wall:7.1f} ms a pair")


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    processor = None
    if len(sys.argv) > 2:
        from transformers import AutoProcessor

        processor = AutoProcessor.from_pretrained(sys.argv[2])
        # The limits of Qwen3-VL, so that a small processor prepares as many pixels.
        processor.image_processor.size = {"shortest_edge": 65536, "longest_edge": 16777216}
    slides = {
        language: [task["reference"] for task in mini_tasks("slide", language=language, count=20)]
        for language in ("html", "python")
    }
    for name, domain, language, sources in (
        ("chart", "chart", "python", files("lint/*.py")),
        ("page", "web", "html", files("lint_web/*.html")),
        ("slide in HTML", "slide", "html", slides["html"]),
        ("slide in python-pptx", "slide", "python", slides["python"]),
    ):
        task = Task("", domain, language=language)
        judging(name, task, *renders(name, domain, language, sources, count), processor)
    pairs = list(zip(files("chartmimic/*/pred.py"), files("chartmimic/*/gt.py")))
    comparisons("charts compared", score_chartmimic, pairs, "\n# {}\n")
    pairs = list(zip(files("design2code/*/cand.html"), files("design2code/*/ref.html")))
    comparisons("pages compared", score_design2code, pairs, "\n<!-- {} -->\n")


if __name__ == "__main__":
    main()
