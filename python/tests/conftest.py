"""What the tests share: a pool of charts, and the program that the wheel brings."""

import json
import pathlib
import subprocess
import sys

import pytest

from visual_sdpo import RenderPool

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "fixtures"


@pytest.fixture(scope="session")
def pool():
    """Two workers for charts, with a short limit so that endless scripts end soon."""
    with RenderPool("chart", workers=2, timeout_s=5) as pool:
        yield pool


@pytest.fixture(scope="session")
def program():
    """`visual-sdpo ARGS...` as parsed JSON; the program lies beside the interpreter."""

    def run(*args):
        path = pathlib.Path(sys.executable).with_name("visual-sdpo")
        done = subprocess.run([path, *args], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.stdout, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def crowded():
    """A chart whose legend covers a bar (line 15)."""
    return (FIXTURES / "lint" / "007-ad-clicks.py").read_text()


def one_line(raised, *parts):
    """The message of an exception, checked to be one line with help."""
    message = str(raised.value)
    assert "\n" not in message and "; help: " in message, message
    for part in parts:
        assert part in message, message
    return message
