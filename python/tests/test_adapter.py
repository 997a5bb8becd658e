"""An adapter that the Rust trainer saves, loaded by transformers with PEFT: the same log-probabilities, and the
same as the merged model that it saves. `crates/policy/tests/parity_adapter.rs` tests the other direction."""

import json
import os
import subprocess
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")
transformers = pytest.importorskip("transformers")

from PIL import Image  # noqa: E402

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "assets" / "mini"
STEP_ON = Path(os.environ.get("VSDPO_STEP_ON", ROOT / "target/release/examples/step_on"))
CODE = "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\n"
PROMPTS = ["A line chart of 1, 3, 2.", "A bar chart of sales."]
LAYERS = ["q_proj", "v_proj", "gate_proj", "down_proj", "qkv", "attn.proj", "linear_fc1"]
SETS = [
    "policy.lora.rank=3",
    "policy.lora.alpha=12",
    f"policy.lora.targets={json.dumps(LAYERS)}",
    'policy.lora.modules_to_save=["language_model.norm", "q_norm"]',
    "rollout.prompts_per_step=2",
    "optim.lr=0.01",
    "optim.warmup_steps=0",
    "optim.decay_steps=0",
]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One large step of an adapter on both towers: its folder, and what the step was made on."""
    folder = tmp_path_factory.mktemp("adapter")
    tokenizer = transformers.AutoTokenizer.from_pretrained(MODEL)
    ids, end = tokenizer(CODE)["input_ids"], tokenizer.eos_token_id
    failing = tokenizer("plt.nothing()\n")["input_ids"]
    rows = []
    for i, prompt in enumerate(PROMPTS):
        Image.new("RGB", (96, 64), (40 + 90 * i, 120, 200)).save(folder / f"{i}.png")
        completions = [[*ids, end], [*failing, end]]
        rows.append({"prompt": prompt, "images": [str(folder / f"{i}.png")], "completions": completions})
    (folder / "rollouts.json").write_text(json.dumps(rows))
    recipe = ROOT / "recipes" / "chart-visual-sdpo.toml"
    sets = [f"policy.model={json.dumps(str(MODEL))}", f"output_dir={json.dumps(str(folder / 'run'))}", *SETS]
    out = folder / "out"
    command = [STEP_ON, recipe, folder / "rollouts.json", out, "rollout.group_size=2", *sets]
    subprocess.run(command, check=True, cwd=ROOT)
    return out, rows


def logprobs(model, rows: list[dict]) -> list[torch.Tensor]:
    """log p of every completion token, one sequence at a time."""
    processor = transformers.AutoProcessor.from_pretrained(MODEL)
    out = []
    for row in rows:
        content = [{"type": "image"}, {"type": "text", "text": row["prompt"]}]
        text = processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        given = processor(text=[text], images=[Image.open(row["images"][0])], return_tensors="pt")
        start = given["input_ids"].shape[1]
        for completion in row["completions"]:
            ids = torch.cat([given["input_ids"], torch.tensor([completion])], 1)
            kinds = (ids == model.config.image_token_id).int()
            images = {key: given[key] for key in ("pixel_values", "image_grid_thw")}
            with torch.no_grad():
                logits = model(input_ids=ids, mm_token_type_ids=kinds, **images).logits
            logp = logits[0, start - 1 : -1].log_softmax(-1)
            out.append(logp.gather(1, torch.tensor(completion)[:, None])[:, 0])
    return out


def load(folder: Path):
    return transformers.AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()


def gap(ours: list[torch.Tensor], theirs: list) -> float:
    return max(float((a - torch.as_tensor(b)).abs().max()) for a, b in zip(ours, theirs, strict=True))


def test_peft_loads_the_adapter_with_the_same_log_probabilities(trained):
    out, rows = trained
    said = json.loads((out / "step.json").read_text())["logprobs"]
    base = load(MODEL)
    before = logprobs(base, rows)
    assert gap(before, said) > 0.1, "the step changes nothing that could be tested"
    model = peft.PeftModel.from_pretrained(base, out).eval()
    assert gap(logprobs(model, rows), said) <= 1e-4
    config = json.loads((out / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["peft_type"]) == (3, 12, "LORA")
    with model.disable_adapter():
        assert gap(logprobs(model, rows), before) <= 1e-6


def test_the_merged_folder_is_an_ordinary_model(trained):
    out, rows = trained
    said = json.loads((out / "step.json").read_text())["logprobs"]
    assert gap(logprobs(load(out / "merged"), rows), said) <= 1e-4
