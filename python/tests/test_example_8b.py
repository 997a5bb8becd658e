"""The launch files of examples/trl_qwen3vl_8b, as far as a CPU can check them: one step of each domain with the
embedded model on rows like those of the real data sets, and the configurations as accelerate reads them."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

pytest.importorskip("trl")

from accelerate.commands.config.config_args import ClusterConfig, load_config_from_file  # noqa: E402
from conftest import FIXTURES, ROOT  # noqa: E402
from datasets import Dataset  # noqa: E402

from visual_sdpo import RenderPool, mini_tasks  # noqa: E402

FOLDER = ROOT / "examples" / "trl_qwen3vl_8b"
SMALL = "--max-steps 1 --prompts 2 --group 2 --per-device 2 --tokens 160 --max-pixels 40000 --rank 8 --workers 2 --cpu"


def charts(folder):
    """Rows like ChartMimic's: a picture and the script behind it; one names requirements too."""
    rows = []
    with RenderPool("chart", workers=1) as pool:
        for i, place in enumerate(sorted((FIXTURES / "chartmimic").glob("[0-9]*"))[:4]):
            script = (place / "gt.py").read_text()
            (folder / f"{i}.png").write_bytes(pool.render(script).png())
            rows.append({"prompt": "Draw this chart again.", "images": [f"{i}.png"], "reference": script})
    rows[0]["requirements"] = {"texts": ["Sales"]}
    return jsonl(folder, rows)


def pages(folder):
    """Rows like WebSight's, in Parquet with the pictures inside."""
    rows = []
    with RenderPool("web", workers=1) as pool:
        for place in sorted((FIXTURES / "design2code").glob("[0-9]*"))[:4]:
            page = (place / "ref.html").read_text()
            picture = {"bytes": pool.render(page).png(), "path": None}
            rows.append({"prompt": "Write this page again.", "images": [picture], "reference": page})
    Dataset.from_list(rows).to_parquet(str(folder / "rows.parquet"))
    return folder / "rows.parquet"


def slides(folder):
    """Prompts alone."""
    return jsonl(folder, [{"prompt": task["prompt"]} for task in mini_tasks("slide", count=4)])


def jsonl(folder, rows):
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder / "rows.jsonl"


@pytest.mark.parametrize(("domain", "make"), [("chart", charts), ("web", pages), ("slide", slides)])
def test_a_launch_file_takes_a_step(domain, make, tmp_path):
    path = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    surroundings = {**os.environ, "PATH": path, "DATA": str(make(tmp_path)), "OUT": str(tmp_path / "run")}
    line = ["sh", FOLDER / f"{domain}.sh", "--model", ROOT / "assets" / "mini", *SMALL.split()]
    done = subprocess.run(line, cwd=ROOT, env=surroundings, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    state = json.loads((tmp_path / "run" / "checkpoint-1" / "trainer_state.json").read_text())
    [step] = [entry for entry in state["log_history"] if "reward" in entry]
    assert step["distill/signal_fraction"] == 1.0 and step["grad_norm"] > 0.0
    assert ("rewards/reference/mean" in step) == (domain != "slide")
    assert (tmp_path / "run" / "last" / "adapter_model.safetensors").is_file()


@pytest.mark.parametrize(("name", "processes", "kind"), [
    ("1gpu", 1, "NO"), ("8gpu", 8, "MULTI_GPU"), ("8gpu-zero3", 8, "DEEPSPEED"),
])
def test_accelerate_reads_the_configurations(name, processes, kind):
    found = load_config_from_file(str(FOLDER / f"{name}.yaml"))
    assert isinstance(found, ClusterConfig)
    assert (found.num_processes, found.distributed_type.value, found.mixed_precision) == (processes, kind, "bf16")


def test_a_file_without_prompts_is_refused(tmp_path):
    rows = jsonl(tmp_path, [{"question": "?"}])
    line = [sys.executable, FOLDER / "train.py", "--domain", "chart", "--data", rows, "--cpu"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "no column `prompt` (it has question); help: " in done.stderr
