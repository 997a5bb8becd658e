"""Draws scripts without the probe, each in a fork of a process that has only imported the libraries.

Usage: python probe_plain.py FOLDER SCRIPT...
Writes width, height (4 bytes each, little-endian) and the RGBA pixels of the PNG that the script left, or of
its open figure if it left none, as FOLDER/<number of the script>. A script that saved another format has no
picture to compare and gets no file.
"""

import io
import os
import random
import sys
import tempfile

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import matplotlib_venn  # noqa: F401
import mpl_toolkits.mplot3d  # noqa: F401
import networkx  # noqa: F401
import numpy as np
import pandas  # noqa: F401
import scipy.stats  # noqa: F401
import seaborn  # noqa: F401
from PIL import Image


def draw(script, target):
    with open(script) as file:
        code = compile(file.read(), "script", "exec")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        random.seed(0)
        np.random.seed(0)
        exec(code, {"__name__": "__main__"})
        left = os.listdir(folder)
        source = io.BytesIO()
        if not left:
            plt.gcf().savefig(source, format="png")
        elif left[0].endswith(".png"):
            source = os.path.join(folder, left[0])
        else:
            return
        image = Image.open(source).convert("RGBA")
        with open(target, "wb") as file:
            for number in image.size:
                file.write(number.to_bytes(4, "little"))
            file.write(image.tobytes())
        os.chdir("/")


def main():
    for number, script in enumerate(sys.argv[2:]):
        child = os.fork()
        if child == 0:
            draw(script, os.path.join(sys.argv[1], str(number)))
            os._exit(0)
        if os.waitpid(child, 0)[1] != 0:
            sys.exit(f"{script} failed")


main()
