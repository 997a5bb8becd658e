"""Compares the probe's ink boxes with the pixels that each artist really changed.

Usage: python probe_ink_truth.py PYTHON_FOLDER SCRIPT...
Before and after every call of the renderer the pixel buffer is compared; the changed pixels belong to the
artist on top of the stack. One line of JSON per script: artists that changed a pixel, those without a box,
those whose changed pixels reach more than 1 px out of their box, and the mean IoU of the two boxes.
"""

import json
import os
import sys

import numpy as np

sys.path.insert(0, sys.argv[1])
import probe
from vsdpo_probe import elements, ink

METHODS = [name for name in vars(ink.InkRenderer) if name.startswith("draw_")]
TRUTH = {}
REPORT = {}


def watched(inner):
    def draw(self, *args):
        if not ink.INK.active or not ink.INK.stack:
            return inner(self, *args)
        before = np.array(self, copy=True)
        result = inner(self, *args)
        changed = (np.asarray(self) != before).any(axis=2)
        if changed.any():
            rows, cols = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
            box = (cols[0], rows[0], cols[-1] + 1, rows[-1] + 1)
            artist = ink.INK.stack[-1]
            old = TRUTH.get(id(artist), (artist, box))[1]
            hull = (*np.minimum(old[:2], box[:2]), *np.maximum(old[2:], box[2:]))
            TRUTH[id(artist)] = (artist, hull)
        return result

    return draw


def compare(figure, renderer, recording, limit, inner=elements.table):
    ious, missing, outside = [], [], []
    for key, (artist, truth) in TRUTH.items():
        found = recording.boxes.get(key)
        if found is None:
            missing.append(type(artist).__name__)
            continue
        box = found[1:]
        ix = max(0, min(box[2], truth[2]) - max(box[0], truth[0]))
        iy = max(0, min(box[3], truth[3]) - max(box[1], truth[1]))
        union = (box[2] - box[0]) * (box[3] - box[1]) + (truth[2] - truth[0]) * (truth[3] - truth[1]) - ix * iy
        ious.append(float(ix * iy / union))
        if any(box[i] > truth[i] + 1 or box[i + 2] < truth[i + 2] - 1 for i in (0, 1)):
            outside.append([type(artist).__name__, [float(v) for v in box], [float(v) for v in truth]])
    REPORT.update(artists=len(TRUTH), missing=missing, outside=outside, iou=float(np.mean(ious)))
    TRUTH.clear()  # a script may save more than once; the last picture counts
    return inner(figure, renderer, recording, limit)


def main():
    probe.prepare(True, True)
    for name in METHODS:
        setattr(ink.InkRenderer, name, watched(vars(ink.InkRenderer)[name]))
    elements.table = compare
    for path in sys.argv[2:]:
        if os.fork() == 0:
            with open(path, "rb") as file:
                result = probe.run(file.read(), {})
            print(json.dumps({"script": os.path.basename(path), "status": result["status"], **REPORT}), flush=True)
            os._exit(0)
        os.wait()


main()
