"""`VisualSDPOTrainer` on the embedded policy: teachers, guards, resume, pictures."""

import json
from pathlib import Path

import pytest
import torch
import visual_sdpo as core
from one_step import Given, dataset
from peft import LoraConfig
from transformers import AutoModelForImageTextToText, AutoProcessor
from visual_sdpo.trl import VisualSDPOConfig, VisualSDPOTrainer, feedback

ROOT = Path(__file__).parents[2]
MODEL = str(ROOT / "assets" / "mini")
PROCESSOR = AutoProcessor.from_pretrained(MODEL, padding_side="left")
LORA = LoraConfig(r=4, lora_alpha=8, lora_dropout=0.5, target_modules=["q_proj", "v_proj"])


def rows(count: int, answers: int = 2) -> list[dict]:
    """Tasks, each with the references of others as completions: they run, and have defects here."""
    tasks = core.mini_tasks("chart", split="train", count=count * (answers + 1), seed=5)
    end = PROCESSOR.tokenizer.eos_token_id
    ids = [PROCESSOR.tokenizer(task["reference"])["input_ids"] + [end] for task in tasks]
    return [
        {
            "prompt": task["prompt"],
            "images": [],
            "requirements": task["requirements"],
            "completions": ids[count + answers * i : count + answers * (i + 1)],
        }
        for i, task in enumerate(tasks[:count])
    ]


def trainer(folder: Path, given: list[dict] | None = None, peft=None, kind=Given, **settings):
    """Of two prompts a step, two completions each; SGD at a rate of 1 unless an optimizer is named."""
    given = given or rows(2)
    known = dict(
        output_dir=str(folder),
        max_steps=1,
        per_device_train_batch_size=4,
        gradient_accumulation_steps=1,
        num_generations=2,
        max_completion_length=256,
        learning_rate=1.0,
        lr_scheduler_type="constant",
        max_grad_norm=1.0,
        optim="sgd",
        gradient_checkpointing=False,
        bf16=False,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        log_pictures_every=0,
        render_workers=2,
    )
    model = AutoModelForImageTextToText.from_pretrained(MODEL, dtype=torch.float32)
    made = kind(
        model,
        VisualSDPOConfig(**{**known, **settings}),
        dataset(given),
        processing_class=PROCESSOR,
        peft_config=peft,
    )
    if kind is Given:
        made.answer(given)
    return made


def weights(made) -> dict[str, torch.Tensor]:
    return {name: p.detach().clone() for name, p in made.model.named_parameters()}


def logged(made, name: str) -> list[float]:
    return [float(line[name]) for line in made.state.log_history if name in line]


def states(made, conversation: str = "Draw a chart.") -> torch.Tensor:
    """The teacher's first states, (1, 3, d), of a fixed text."""
    ids = PROCESSOR.tokenizer(conversation, return_tensors="pt")
    with torch.no_grad():
        return made.teacher.states(made, made.model, dict(ids), 3)[0][0]


@pytest.mark.parametrize("peft", [None, LORA], ids=["full", "lora"])
def test_all_teachers_are_the_policy_at_the_first_step(tmp_path, peft):
    found = {}
    for kind in ("live", "base", "ema", "trust_region"):
        made = trainer(tmp_path / kind, peft=peft, teacher=kind, learning_rate=0.0)
        made.train()
        found[kind] = logged(made, "distill/kl_mean")[0]
    # Dropout is on in the student of the LoRA runs, so there only the teachers' states compare.
    assert found["live"] > 0.0
    if peft is None:
        for value in found.values():
            assert value == pytest.approx(found["live"], rel=1e-4)


@pytest.mark.parametrize("peft", [None, LORA], ids=["full", "lora"])
def test_the_base_stands_still_and_the_live_teacher_moves(tmp_path, peft):
    base = trainer(tmp_path / "base", peft=peft, teacher="base")
    before = states(base)
    base.train()
    assert torch.equal(states(base), before)
    live = trainer(tmp_path / "live", peft=peft, teacher="live")
    live.train()
    assert not torch.allclose(states(live), before, atol=1e-4)


def test_the_average_follows_the_weights_at_its_rate(tmp_path):
    made = trainer(tmp_path, teacher="ema", ema_rate=0.25)
    before = weights(made)
    made.train()
    after = weights(made)
    average = dict(made.accelerator.unwrap_model(made.teacher.copy).named_parameters())
    moved = 0  # all of the language model; the rows have no pictures
    for name, start in before.items():
        torch.testing.assert_close(average[name], 0.75 * start + 0.25 * after[name], rtol=1e-5, atol=1e-6)
        moved += not torch.equal(start, after[name])
    assert moved == 46


def test_the_average_of_an_adapter_follows_it(tmp_path):
    made = trainer(tmp_path, peft=LORA, teacher="ema", ema_rate=0.25)
    student = [n for n, p in made.model.named_parameters() if ".default." in n]
    before = weights(made)
    made.train()
    after = weights(made)
    for name in student:
        mean = 0.75 * before[name] + 0.25 * after[name]
        torch.testing.assert_close(after[name.replace(".default.", ".teacher.")], mean, rtol=1e-5, atol=1e-7)
    assert any(not torch.equal(before[name], after[name]) for name in student)


def test_a_step_in_which_nothing_can_be_scored_changes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(feedback, "SLOW_S", 0.5)
    given = rows(2)
    forever = PROCESSOR.tokenizer("while True:\n    pass\n")["input_ids"] + [PROCESSOR.tokenizer.eos_token_id]
    for row in given:
        row["completions"] = [forever, forever]
    made = trainer(tmp_path, given, render_timeout=0.3, weight_decay=0.1)
    before = weights(made)
    made.train()
    for name, value in weights(made).items():
        assert torch.equal(value, before[name]), name
    assert logged(made, "steps/void") == [1.0]
    assert logged(made, "exec/unscored") == [1.0]
    said = capsys.readouterr().out
    assert "4 rollouts are still being rendered after" in said
    assert "step 1 is skipped: no rollout could be scored" in said
    assert "step 1, process 0: rollout 2 could not be scored and is left out: " in said and "and 1 more" in said


def test_a_placeholder_in_a_completion_is_refused(tmp_path):
    given = rows(2)
    given[0]["completions"][0][3] = PROCESSOR.image_token_id
    made = trainer(tmp_path, given)
    with pytest.raises(RuntimeError, match=r"holds the placeholder <\|image_pad\|> at token 3"):
        made.train()


def test_placeholders_are_banned_at_sampling(tmp_path):
    made = trainer(tmp_path)
    assert PROCESSOR.image_token_id in made.generation_config.suppress_tokens
    assert made.placeholders <= set(made.generation_config.suppress_tokens)


def test_other_pixels_than_those_of_sampling_are_refused(tmp_path):
    made = trainer(tmp_path)
    made._sampled_pixels = torch.zeros(4, 8)
    made._check_pixels({"pixel_values": torch.zeros(4, 8)})
    with pytest.raises(RuntimeError, match="other pixels for training than for sampling"):
        made._check_pixels({"pixel_values": torch.full((4, 8), 0.5)})


def test_a_difference_between_engine_and_trainer_stops_the_run(tmp_path):
    made = trainer(tmp_path)
    name = "sampling/sampling_logp_difference/mean"
    made.model.train()
    made._metrics["train"][name].append(0.09)
    made._check_engine()
    made._metrics["train"][name].append(0.11)
    with pytest.raises(RuntimeError, match="differ by 0.110 in the mean, more than max_logp_difference = 0.1"):
        made._check_engine()


def test_a_resumed_run_ends_where_an_uninterrupted_one_does(tmp_path):
    settings = dict(kind=VisualSDPOTrainer, max_completion_length=24, learning_rate=1e-3, optim="adamw_torch", seed=3)
    settings |= dict(save_strategy="steps", save_steps=1, teacher="trust_region")
    whole = trainer(tmp_path / "whole", rows(4), max_steps=2, **settings)
    whole.train()
    again = trainer(tmp_path / "again", rows(4), max_steps=2, **settings)
    again.train(resume_from_checkpoint=str(tmp_path / "whole" / "checkpoint-1"))
    for name, value in weights(whole).items():
        torch.testing.assert_close(dict(again.model.named_parameters())[name].data, value, rtol=1e-4, atol=1e-6)


def test_pictures_and_rollouts_are_saved(tmp_path):
    given = rows(2)
    made = trainer(tmp_path, given, log_pictures_every=1)
    made.train()
    lines = [json.loads(line) for line in (tmp_path / "rollouts-0.jsonl").read_text().splitlines()]
    assert len(lines) == 4
    for line in lines:
        assert [Path(p).stem.split("-", 4)[-1] for p in line["pictures"]] == ["render-0", "blame-0"]
        assert all((tmp_path / path).stat().st_size > 500 for path in line["pictures"])
    assert any(line["defects"] for line in lines)


def test_settings_that_do_not_fit_are_refused(tmp_path):
    with pytest.raises(ValueError, match="teacher is `frozen`; help: write one of live, base, ema, trust_region"):
        VisualSDPOConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, teacher="frozen")
    with pytest.raises(ValueError, match="amplify is 0.5; help"):
        VisualSDPOConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, amplify=0.5)
