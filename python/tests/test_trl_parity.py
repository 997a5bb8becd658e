"""The gradient of `VisualSDPOTrainer` against that of the Rust trainer: same weights, same
completions, same settings; with 1 and 2 processes, whole and cut into micro-batches."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

import visual_sdpo as core  # noqa: E402
from PIL import Image  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers import AutoTokenizer  # noqa: E402

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "assets" / "mini"
STEP_ON = Path(os.environ.get("VSDPO_STEP_ON", ROOT / "target/release/examples/step_on"))
# With this epsilon AdamW's first step is lr / eps times the gradient: it divides by |g| + eps.
LARGE = 1e4

SETTINGS = {
    "live": ({"teacher": "live", "divergence": "reverse_kl"}, []),
    "trust_region": ({"teacher": "trust_region", "divergence": "forward_kl"}, []),
    "top_k": (
        {"teacher": "base", "divergence": "jsd", "divergence_top_k": 20, "truncated": "drop"},
        ["distill.divergence={jsd={alpha=0.5}}", "distill.support={top_k=20}", 'distill.truncated="drop"'],
    ),
}


def rollouts(folder: Path, pictures: int) -> list[dict]:
    """Two tasks with two completions each: references of other tasks, which have defects here, one
    that fails and one without an end."""
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    tasks = core.mini_tasks("chart", split="train", count=4, seed=3)
    ids = [tokenizer(task["reference"])["input_ids"] for task in tasks]
    end = tokenizer.eos_token_id
    failing = tokenizer("import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.nothing()\n")["input_ids"]
    completions = [[ids[0] + [end], failing + [end]], [ids[2] + [end], ids[3][:-20]]]
    rows = []
    for i, (task, answers) in enumerate(zip(tasks[:2], completions)):
        paths = []
        for k in range(pictures):
            pixels = np.random.default_rng(10 * i + k).integers(0, 256, (64 + 32 * k, 96, 3), dtype=np.uint8)
            paths.append(str(folder / f"{i}-{k}.png"))
            Image.fromarray(pixels).save(paths[-1])
        rows.append(
            {"prompt": task["prompt"], "images": paths, "requirements": task["requirements"], "completions": answers}
        )
    return rows


def rust(folder: Path, rows: Path, sets: list[str], teacher: str) -> tuple[dict, dict]:
    common = [
        f"policy.model={json.dumps(str(MODEL))}",
        f"output_dir={json.dumps(str(folder / 'run'))}",
        f'distill.teacher="{teacher}"',
        "distill.is_kind=none",
        "rollout.prompts_per_step=2",
        "credit.defects=all",
        f"optim.lr={LARGE}",
        f"optim.eps={LARGE}",
        "optim.warmup_steps=0",
        "optim.decay_steps=0",
        "optim.max_grad_norm=1e9",
    ]
    recipe = ROOT / "recipes" / "chart-visual-sdpo.toml"
    subprocess.run([STEP_ON, recipe, rows, folder / "rust", *common, *sets], check=True, cwd=ROOT)
    before = load_file(MODEL / "model.safetensors")
    after = load_file(folder / "rust" / "model.safetensors")
    gradient = {name: (before[name] - after[name]).float() for name in before}
    return gradient, json.loads((folder / "rust" / "step.json").read_text())


def ours(folder: Path, rows: Path, settings: dict, processes: int) -> dict:
    out = folder / f"trl-{processes}-{settings['per_device_train_batch_size']}"
    launch = [sys.executable]
    if processes > 1:
        launch += ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"]
    script = Path(__file__).with_name("one_step.py")
    env = os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [*launch, script, MODEL, rows, out, json.dumps(settings)], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return load_file(out / "gradient.safetensors")


def difference(ours: dict, theirs: dict) -> float:
    """|ours - theirs| over |theirs|, over all parameters at once."""
    names = [name for name in ours if name in theirs]
    assert len(names) == len(theirs)
    gap = sum((ours[n] - theirs[n]).double().square().sum() for n in names) ** 0.5
    return float(gap / sum(theirs[n].double().square().sum() for n in names) ** 0.5)


@pytest.mark.parametrize("pictures", [0, 1, 2])
def test_one_step_equals_the_rust_trainer(tmp_path, pictures):
    check(tmp_path, "live", pictures, [(1, 4)])


@pytest.mark.parametrize("kind", ["trust_region", "top_k"])
def test_the_other_teachers_and_supports_equal_it_too(tmp_path, kind):
    check(tmp_path, kind, 0, [(1, 4)])


def test_processes_and_micro_batches_change_nothing(tmp_path):
    check(tmp_path, "live", 1, [(1, 1), (2, 2)])


def check(folder: Path, kind: str, pictures: int, cuts: list[tuple[int, int]]) -> None:
    settings, sets = SETTINGS[kind]
    rows = folder / "rollouts.json"
    rows.write_text(json.dumps(rollouts(folder, pictures)))
    sets = [f'distill.divergence="{settings["divergence"]}"', *sets] if kind != "top_k" else sets
    wanted, said = rust(folder, rows, sets, settings["teacher"])
    assert len(set(said["rewards"])) > 1, "a step whose rewards are equal tests no policy gradient"
    for processes, batch in cuts:
        cut = {"per_device_train_batch_size": batch, "gradient_accumulation_steps": 4 // (processes * batch)}
        gap = difference(ours(folder, rows, settings | cut, processes), wanted)
        assert gap < 1e-4, f"{processes} processes, micro-batches of {batch}: {gap:.2e}"
