"""`visual-sdpo eval --endpoint` against a real server: `transformers serve` with the embedded policy."""

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
STARTS_WITHIN = 180.0


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    port = free_port()
    log = tmp_path_factory.mktemp("server") / "log"
    model = str(ROOT / "assets" / "mini")
    command = [BIN / "transformers", "serve", model, "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    with log.open("w") as out:
        process = subprocess.Popen([str(part) for part in command], stdout=out, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        began = time.monotonic()
        while not answers(url):
            assert process.poll() is None and time.monotonic() - began < STARTS_WITHIN, log.read_text()[-3000:]
            time.sleep(0.5)
        yield url, model
    finally:
        process.terminate()
        process.wait(timeout=30)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as response:
            return response.status == 200
    except OSError:
        return False


def evaluate(server, out: Path, *more: str) -> subprocess.CompletedProcess:
    url, model = server
    program = shutil.which("visual-sdpo", path=str(BIN)) or ROOT / "target" / "release" / "visual-sdpo"
    command = [program, "eval", "--endpoint", url, "--served-model", model, "--out", out, *more]
    return subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=ROOT, timeout=500)


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_the_embedded_charts_are_answered_scored_and_not_asked_for_again(server, tmp_path):
    ask = ("--benchmark", "mini-chart", "--tasks", "4", "--max-tokens", "256", "--concurrency", "2")
    first = evaluate(server, tmp_path, *ask)
    assert first.returncode == 0, first.stderr
    saved = [path for path in tmp_path.rglob("*.jsonl") if "request" in path.read_text()]
    assert len(saved) == 1
    answered = lines(saved[0])
    assert len(answered) == 4
    # The policy has learned these prompts, so its answers are charts and not noise.
    assert all("matplotlib" in json.dumps(line) for line in answered)
    again = evaluate(server, tmp_path, *ask)
    assert again.returncode == 0, again.stderr
    assert lines(saved[0]) == answered


def test_a_picture_reaches_the_server(server, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(ROOT / "fixtures" / "chartmimic" / "01" / "gt.py", data / "pie_1.py")
    Image.new("RGB", (320, 240), "white").save(data / "pie_1.png")
    done = evaluate(server, tmp_path / "out", "--benchmark", "chartmimic", "--data", data, "--max-tokens", "16")
    assert done.returncode == 0, done.stderr
    saved = [path for path in (tmp_path / "out").rglob("*.jsonl") if "sha256:" in path.read_text()]
    assert len(saved) == 1
