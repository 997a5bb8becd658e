"""The method on verl: its arithmetic by hand, its loss and its agent loop inside the real verl.

The first half needs torch. The second half runs where verl 0.9 is installed, with a stub in place
of the two servers: the teacher's is the embedded policy under transformers.
"""

import asyncio
import importlib
import math
from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

import visual_sdpo as core  # noqa: E402
from visual_sdpo.factors import beside_student, no_teacher, token_factors  # noqa: E402
from visual_sdpo.tokens import token_spans  # noqa: E402

MODEL = Path(__file__).resolve().parents[2] / "assets" / "mini"
LOSS = "visual_sdpo_forward_kl_topk"


def test_factors_by_hand():
    weights = torch.tensor([[1.0, 3.0, 1.0, 9.0], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    mask = torch.tensor([[1, 1, 1, 0], [1, 1, 0, 0], [1, 1, 1, 1]])
    # Row 0: T = 3, sum w = 5, and the weight outside the mask counts for nothing. Row 1: no teacher.
    want = torch.tensor([[0.6, 1.8, 0.6, 0.0], [0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0]])
    torch.testing.assert_close(token_factors(weights, mask), want)


def test_a_mean_over_tokens_becomes_equation_6():
    weights, mask = torch.tensor([[1.0, 3.0, 2.0]]), torch.ones(1, 3)
    divergence = torch.tensor([[0.5, 0.1, 0.4]])
    # (1 * 0.5 + 3 * 0.1 + 2 * 0.4) / 6 = 1.6 / 6.
    assert (token_factors(weights, mask) * divergence).mean().item() == pytest.approx(1.6 / 6)


def test_a_teacher_with_a_longer_prompt_beside_the_student():
    # 4 prompt tokens and 2 of the response: rows 3 and 4 score the response, row 5 nothing.
    teacher = torch.arange(12.0).view(6, 2)
    got = beside_student(teacher, 3, 2, torch.tensor([-1.0, -2.0]))
    assert got.tolist() == [[-1, -2], [-1, -2], [6, 7], [8, 9], [10, 11]]
    # verl scores a response of T by the T rows that end one before the last.
    assert got[-3:-1].tolist() == teacher[3:5].tolist()
    assert beside_student(teacher, 1, 5, torch.zeros(2)).tolist() == teacher.tolist()


@pytest.mark.parametrize(("rows", "prompt", "response"), [(2, 3, 2), (4, 0, 2)])
def test_a_teacher_that_cannot_score_the_response_is_refused(rows, prompt, response):
    with pytest.raises(ValueError, match="; help: ask the teacher for its whole prompt"):
        beside_student(torch.zeros(rows, 1), prompt, response, torch.zeros(1))


def test_no_teacher_has_no_mass():
    ids, logps = no_teacher(3, 4)
    assert ids.tolist() == [[0, 1, 2, 3]] * 3 and ids.dtype == torch.int32
    assert logps.exp().sum().item() == 0.0


# From here on the real verl.


@pytest.fixture(scope="module")
def verl():
    pytest.importorskip("verl")
    return importlib.import_module("visual_sdpo.verl")


def nested(rows):
    return torch.nested.as_nested_tensor(rows, layout=torch.jagged)


def micro_batch(prompts, responses, weights, top):
    """Two rollouts as verl's v1 trainer hands them to the loss."""
    from tensordict import TensorDict
    from verl.utils import tensordict_utils as tu

    lengths = [p + r for p, r in zip(prompts, responses)]
    data = TensorDict(
        {
            "prompts": nested([torch.zeros(p, dtype=torch.long) for p in prompts]),
            "responses": nested([torch.zeros(r, dtype=torch.long) for r in responses]),
            "response_mask": nested([torch.ones(r, dtype=torch.long) for r in responses]),
            "statement_weights": nested(weights),
            "teacher_ids": nested([top.indices[sum(lengths[:i]) :][:n].int() for i, n in enumerate(lengths)]),
            "teacher_logprobs": nested([top.values[sum(lengths[:i]) :][:n] for i, n in enumerate(lengths)]),
        },
        batch_size=[len(prompts)],
    )
    for name, value in {"dp_size": 1, "batch_num_tokens": sum(responses), "global_batch_size": len(prompts)}.items():
        tu.assign_non_tensor_data(data, name, value)
    return data


def engine(student, data, config):
    """What verl's FSDP engine makes of logits, (rows, V)."""
    from verl.trainer.distillation.fsdp.losses import compute_forward_kl_topk

    ids, offsets = data["teacher_ids"], data["teacher_ids"].offsets()
    outputs = compute_forward_kl_topk(student.unsqueeze(0), data["teacher_logprobs"], ids.long(), config, "thd")
    return {name: torch.nested.nested_tensor_from_jagged(out.squeeze(0), offsets) for name, out in outputs.items()}


def test_the_registered_loss_is_equation_6_over_top_k(verl):
    from verl.trainer.distillation.losses import distillation_loss, get_distillation_loss_settings
    from verl.workers.config import DistillationLossConfig

    assert get_distillation_loss_settings(LOSS).use_topk
    torch.manual_seed(0)
    prompts, responses, k, vocabulary = [3, 2], [4, 2], 5, 30
    rows = sum(prompts) + sum(responses)
    student = torch.randn(rows, vocabulary, requires_grad=True)
    top = torch.randn(rows, vocabulary).log_softmax(-1).topk(k)
    weights = [torch.tensor([1.0, 3.0, 1.0, 2.0]), torch.tensor([1.0, 1.0])]
    data = micro_batch(prompts, responses, weights, top)
    config = DistillationLossConfig(
        loss_mode=LOSS, topk=k, use_policy_gradient=False, log_prob_min_clamp=None, loss_max_clamp=None
    )
    config = SimpleNamespace(distillation_loss=config)
    outputs = engine(student, data, config)
    actor = SimpleNamespace(loss_agg_mode="seq-mean-token-mean", global_batch_info={}, loss_scale_factor=None)
    loss, metrics = distillation_loss(actor, config, outputs, data)

    logp = student.detach().double().log_softmax(-1).gather(-1, top.indices)
    kl = (top.values.double().exp() * (top.values.double() - logp)).sum(-1).clamp(min=0)
    # Rollout 0 has rows 0 to 6, and rows 2 to 5 score its 4 tokens; rollout 1 has 7 to 10, and 8, 9.
    want = ((weights[0].double() * kl[2:6]).sum() / 7 + kl[8:10].sum() / 2) / 2
    assert loss.item() == pytest.approx(want.item(), rel=1e-5)
    assert metrics["distillation/signal_fraction"].aggregate() == 1.0
    loss.backward()
    assert student.grad[2:6].abs().sum() > 0 and student.grad[[0, 1, 6, 7, 10]].abs().max() == 0.0


def test_a_rollout_without_a_teacher_has_no_loss(verl):
    from verl.trainer.distillation.losses import get_distillation_loss_fn
    from verl.workers.config import DistillationLossConfig

    ids, logps = no_teacher(5, 4)
    top = SimpleNamespace(indices=ids.long(), values=logps)
    data = micro_batch([2], [3], [torch.zeros(3)], top)
    settings = DistillationLossConfig(loss_mode=LOSS, topk=4, use_policy_gradient=False)
    config = SimpleNamespace(distillation_loss=settings)
    student = torch.randn(5, 9, requires_grad=True)
    outputs = engine(student, data, config)
    losses, metrics = get_distillation_loss_fn(LOSS)(None, config, outputs, data)
    losses.sum().backward()
    assert losses.tolist() == [[0.0, 0.0, 0.0]] and student.grad.abs().max() == 0.0
    assert metrics["distillation/signal_fraction"].aggregate() == 0.0


def test_a_batch_without_weights_is_refused(verl):
    with pytest.raises(ValueError, match="no `statement_weights` in the batch; help: set .actor_rollout_ref"):
        verl.visual_sdpo_forward_kl_topk(None, None, {}, {})


@pytest.fixture(scope="module")
def config(verl):
    """verl's own configuration for the embedded policy, with a teacher."""
    from hydra import compose, initialize_config_module

    overrides = [
        f"actor_rollout_ref.model.path={MODEL}",
        "actor_rollout_ref.model.external_lib=visual_sdpo.verl",
        "actor_rollout_ref.rollout.name=vllm",
        "actor_rollout_ref.rollout.n=2",
        "actor_rollout_ref.rollout.prompt_length=512",
        "actor_rollout_ref.rollout.response_length=512",
        "distillation.enabled=True",
        "distillation.nnodes=1",
        "distillation.n_gpus_per_node=1",
        f"distillation.distillation_loss.loss_mode={LOSS}",
        "distillation.distillation_loss.topk=8",
        f"distillation.teacher_models.teacher_model.model_path={MODEL}",
        "distillation.teacher_models.teacher_model.inference.tensor_model_parallel_size=1",
        "+visual_sdpo.amplify=5",
    ]
    with initialize_config_module("verl.trainer.config", version_base=None):
        return compose("ppo_trainer", overrides)


class Student:
    """In place of the rollout server: answers with what it was given."""

    def __init__(self, answers):
        self.answers, self.asked = list(answers), []

    async def generate(self, **request):
        from verl.workers.rollout.replica import TokenOutput

        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return TokenOutput(token_ids=answer, log_probs=None, extra_fields={})


class Teacher:
    """In place of the teacher server: scores a prompt as verl's vLLM server does."""

    def __init__(self):
        from transformers import AutoModelForImageTextToText, AutoProcessor

        self.model = AutoModelForImageTextToText.from_pretrained(MODEL, dtype=torch.float32).eval()
        self.processor = AutoProcessor.from_pretrained(MODEL)
        self.asked, self.fails = [], False

    @torch.no_grad()
    def logps(self, ids, images):
        seen = {}
        if images:
            seen = dict(self.processor.image_processor(images=images, return_tensors="pt"))
        ids = torch.tensor([ids])
        kinds = (ids == self.processor.image_token_id).int()
        return self.model(input_ids=ids, mm_token_type_ids=kinds, **seen).logits[0].log_softmax(-1)

    async def generate(self, *, prompt_ids, sampling_params, image_data, **_):
        if self.fails:
            raise RuntimeError("the server is gone")
        self.asked.append((prompt_ids, image_data))
        top = self.logps(prompt_ids, image_data)[:-1].topk(sampling_params["prompt_logprobs"])
        dummy = [0] * sampling_params["prompt_logprobs"]
        said = {"prompt_ids": [*top.indices.tolist(), dummy], "prompt_logprobs": [*top.values.tolist(), dummy]}
        return SimpleNamespace(extra_fields=said)


@pytest.fixture
def run(config, monkeypatch):
    """One prompt through the agent loop: the worker, and the fields that it stores for the trainer."""
    import transfer_queue
    from verl.trainer.ppo.v1 import agent_loop_tq

    from visual_sdpo.verl.worker import VisualSDPOWorker

    stored, teacher = {}, Teacher()

    async def put(key=None, tag=None, keys=(), fields=None, **_):
        if key:
            stored["status"] = tag["status"]
        for name, row in zip(keys, fields if fields is not None else ()):
            stored[name] = row

    monkeypatch.setattr(transfer_queue, "init", lambda *_: None)
    monkeypatch.setattr(agent_loop_tq.tq, "async_kv_put", put)
    monkeypatch.setattr(agent_loop_tq.tq, "async_kv_batch_put", put)

    def go(answers, prompt="Draw a bar chart.", **settings):
        from omegaconf import OmegaConf, open_dict

        cfg = OmegaConf.create(OmegaConf.to_container(config))
        with open_dict(cfg):
            cfg.visual_sdpo = {**cfg.visual_sdpo, **settings}
        student = Student(answers)
        row = {
            "uid": "u",
            "index": 0,
            "global_steps": 1,
            "agent_name": "single_turn_agent",
            "data_source": "chart/test",
            "reward_model": {"ground_truth": None},
            "raw_prompt": prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}],
        }

        async def all_of_it():
            worker = VisualSDPOWorker(cfg, student, {"default": teacher}, None)
            trajectory = {"step": 1, "sample_index": 0, "rollout_n": 0, "validate": False}
            await worker._run_prompt(row, {"temperature": 1.0}, trajectory)
            assert worker.groups == {}
            return worker

        stored.clear()
        teacher.asked.clear()
        return SimpleNamespace(worker=asyncio.run(all_of_it()), stored=stored, student=student, teacher=teacher)

    return go


@pytest.fixture(scope="module")
def answers(crowded):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    texts = [crowded, "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.nothing()\n"]
    return [tokenizer(text)["input_ids"] + [tokenizer.eos_token_id] for text in texts]


def equation_2(teacher, outcome, images=(), prompt="Draw a bar chart."):
    """The teacher's prompt by transformers' chat template alone: ids and pictures."""
    [turn] = core.teacher_messages(core.Task(prompt, "chart"), outcome, pictures="pil")
    turn["content"] = [*({"type": "image", "image": image} for image in images), *turn["content"]]
    encoded = teacher.processor.apply_chat_template(
        [turn], add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    return encoded["input_ids"][0].tolist(), [part["image"] for part in turn["content"] if part["type"] == "image"]


def check_teacher(row, done, outcome, answer, images=()):
    """Stored log-probabilities against one forward over equation 2 and the answer."""
    ids, pictures = equation_2(done.teacher, outcome, images)
    logps = done.teacher.logps(ids + answer, pictures)
    prompt, whole = len(row["prompts"]), len(row["input_ids"])
    assert row["teacher_logprobs"].shape == row["teacher_ids"].shape == (whole, 8)
    scoring = slice(prompt - 1, whole - 1)
    chosen = row["teacher_ids"][scoring].long()
    want = logps[len(ids) - 1 : -1]
    torch.testing.assert_close(row["teacher_logprobs"][scoring], want.gather(-1, chosen), atol=1e-4, rtol=0)
    assert torch.equal(chosen, want.topk(8).indices)
    assert len(row["responses"]) == len(answer)


def test_the_teacher_sees_each_rollout_s_own_render(run, pool, answers):
    done = run(answers)
    assert done.stored["status"] == "finished" and done.worker.not_distilled == 0
    assert [len(images or ()) for _, images in done.teacher.asked] in ([1, 0], [0, 1])
    rows, outcomes = [], []
    stored = [done.stored["u_0_0"], done.stored["u_1_0"]]
    for answer in answers:
        # Sessions run at the same time, so either may get the first answer.
        [row] = [row for row in stored if row["responses"].tolist() == answer]
        text = token_spans(done.teacher.processor.tokenizer, answer)
        outcome = pool.render(core.extract_code(text.text, "python")[0])
        check_teacher(row, done, outcome, answer)
        task = core.Task("", "chart")
        want = core.statement_weights(text.text, outcome, text.spans, task=task, unit="byte", amplify=5.0)
        assert row["statement_weights"].tolist() == want.tolist() and want.max() == 5.0
        rows, outcomes = [*rows, row], [*outcomes, outcome]
    rewards = core.reward(core.Task("", "chart"), outcomes)
    assert [row["rm_scores"].sum().item() for row in rows] == pytest.approx(rewards) and rewards[0] > rewards[1] == 0.0
    assert rows[0]["extra_fields"]["reward_extra_info"]["legend"] == 0.0
    banned = done.student.asked[0]["sampling_params"]["logit_bias"]
    assert banned == {done.teacher.processor.image_token_id: -100.0, done.teacher.processor.video_token_id: -100.0}


def test_the_pictures_of_the_prompt_come_before_the_render(run, pool, answers, crowded):
    from PIL import Image

    picture = Image.new("RGB", (96, 64), (200, 30, 30))
    content = [{"type": "image", "image": picture}, {"type": "text", "text": "Draw a bar chart."}]
    done = run([answers[0], answers[0]], [{"role": "user", "content": content}])
    row = done.stored["u_0_0"]
    student_picture = done.student.asked[0]["image_data"]
    assert [len(images) for _, images in done.teacher.asked] == [2, 2]
    check_teacher(row, done, pool.render(crowded), answers[0], student_picture)


@pytest.mark.parametrize("why", ["the teacher fails", "the prompt is too long", "the limit was met"])
def test_a_rollout_that_cannot_be_taught_keeps_its_reward(run, answers, why):
    settings = {"max_teacher_tokens": 40} if why == "the prompt is too long" else {"truncated": "drop"}
    answer = answers[1][:-1] * 40 if why == "the limit was met" else answers[0]
    run([], **settings).teacher.fails = why == "the teacher fails"
    done = run([answer, answer], **settings)
    row = done.stored["u_1_0"]
    assert done.stored["status"] == "finished" and done.worker.not_distilled == 2
    assert row["statement_weights"].tolist() == [0.0] * len(row["responses"])
    assert row["teacher_ids"].shape == (len(row["prompts"]) + len(row["responses"]), 8)
    assert (row["rm_scores"].sum() > 0) == (why != "the limit was met")


def test_a_session_that_fails_does_not_keep_the_others_waiting(run, answers):
    done = run([RuntimeError("the server is gone"), answers[0]])
    [name] = [name for name in done.stored if name != "status"]
    assert done.stored["status"] == "failure" and done.stored[name]["rm_scores"].sum() > 0


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"amplfy": 2}, "visual_sdpo.amplfy is unknown; help: the settings are channels, rubric, amplify"),
        ({"rubric": "all"}, "visual_sdpo.rubric has `all`; help: write one of binary, observed, full"),
        ({"channels": ["image", "text"]}, "visual_sdpo.channels has `text`; help: write one of image, rubric"),
        ({"amplify": 0.5}, "visual_sdpo.amplify is 0.5; help: write 1"),
    ],
)
def test_settings_outside_their_range_are_refused(verl, settings, message):
    from omegaconf import OmegaConf

    from visual_sdpo.verl.worker import Settings

    with pytest.raises(ValueError) as error:
        Settings.read(OmegaConf.create({"visual_sdpo": settings}))
    assert str(error.value).startswith(message)


def test_what_cannot_carry_the_method_is_refused(config, monkeypatch):
    import transfer_queue
    from omegaconf import OmegaConf, open_dict

    from visual_sdpo.verl.worker import VisualSDPOManager, VisualSDPOWorker

    other = OmegaConf.create(OmegaConf.to_container(config))
    with open_dict(other):
        other.trainer.use_v1 = False
        other.distillation.distillation_loss.loss_mode = "k3"
    monkeypatch.setattr(transfer_queue, "init", lambda *_: None)
    with pytest.raises(ValueError, match="trainer v1 only; help: set trainer.use_v1=True"):
        VisualSDPOManager(other, None)
    with pytest.raises(ValueError, match="loss_mode k3 ignores statement weights; help: set distillation"):
        VisualSDPOWorker(other, None, {"default": None}, None)
