"""`VisualSDPOTrainer`: TRL's GRPO trainer with the method added by its hooks."""

from __future__ import annotations

import copy

import torch
from accelerate.utils import is_peft_model
from transformers import AutoProcessor
from trl import GRPOTrainer
from trl.data_utils import prepare_multimodal_messages
from trl.trainer.utils import create_model_from_path, pad

from .config import VisualSDPOConfig
from .feedback import Feedback, Rollout
from .model import Distill, Scores, add_distill_head
from .pictures import Pictures
from .teacher import TeacherModel

# Names under which processors of vision-language models know their placeholders.
PLACEHOLDERS = ("image_token_id", "video_token_id", "vision_start_token_id", "vision_end_token_id")

# Rollouts of a step that are named when they could not be scored.
NAMED = 3


class VisualSDPOTrainer(GRPOTrainer):
    """Trains a policy that writes charts, pages or slides with a teacher that sees its render.

    Args:
        model: a path, a model of transformers, or a PEFT model.
        args: the settings.
        train_dataset: rows with `prompt` (a conversation), optionally `image` or `images`,
            `requirements` (what the artifact must show, as in the task files of `visual-sdpo`) and
            `reference`.
        reward_funcs: further reward functions in TRL's form; equation 8 is always the first.
        **kwargs: everything else that `GRPOTrainer` takes.

    Raises:
        ValueError: for settings that do not fit together.
    """

    _tag_names = ["trl", "visual-sdpo"]
    _name = "Visual-SDPO"

    def __init__(self, model, args: VisualSDPOConfig, train_dataset, reward_funcs=(), **kwargs):
        processor = kwargs.pop("processing_class", None) or _processor(model, args)
        self.placeholders = _placeholders(processor)
        _ban(args, self.placeholders)
        self.feedback = Feedback(args, getattr(processor, "tokenizer", processor))
        self.pictures = Pictures(args)
        peft = kwargs.get("peft_config") is not None or is_peft_model(model)
        self.teacher = _teacher(model, args, peft)
        self._rows, self._void, self._distill, self._scores = [], False, None, None
        super().__init__(
            model,
            reward_funcs=[self.visual_reward, *(reward_funcs or ())],
            args=args,
            train_dataset=train_dataset,
            processing_class=processor,
            **kwargs,
        )
        self.channels = tuple(args.channels or (("image", "rubric") if self._is_vlm else ("rubric",)))
        if "image" in self.channels and not self._is_vlm:
            raise ValueError('channels has `image`, but the model reads no pictures; help: channels=["rubric"]')
        unwrapped = self.accelerator.unwrap_model(self.model)
        add_distill_head(unwrapped.get_base_model() if is_peft_model(unwrapped) else unwrapped)
        self.teacher.begin(self)

    # Rollouts, renders, rewards.

    def _generate_and_score_completions(self, inputs):
        self._rows = inputs
        output = super()._generate_and_score_completions(inputs)
        self._check_pixels(output)
        self._check_engine()
        if self.model.training:
            self._add_teacher(inputs, output)
        self.pictures.save(self, self.feedback.rollouts, inputs)
        return output

    def _tokenize_prompts(self, prompts):
        self._prompts = prompts
        tokenized = super()._tokenize_prompts(prompts)
        self._sampled_pixels = tokenized[2].get("pixel_values")
        return tokenized

    def _generate(self, prompts):
        out = super()._generate(prompts)
        completion_ids = out[1]
        self._refuse_placeholders(completion_ids)
        # Rendering goes on while TRL scores the completions under old and reference weights.
        self.feedback.start(self._rows, completion_ids, set(self.eos_token_ids), self._group())
        return out

    def visual_reward(self, completion_ids, log_metric, **_) -> list[float | None]:
        rollouts = self.feedback.finish(self._group())
        self._name_unscored(rollouts)
        for name, value in _metrics(rollouts, self.feedback).items():
            log_metric(name, value)
        return [rollout.reward for rollout in rollouts]

    def _name_unscored(self, rollouts: list[Rollout]) -> None:
        lost = [(i, rollout) for i, rollout in enumerate(rollouts) if rollout.reward is None]
        where = f"visual-sdpo: step {self.state.global_step + 1}, process {self.accelerator.process_index}"
        for i, rollout in lost[:NAMED]:
            print(f"{where}: rollout {i} could not be scored and is left out: {rollout.outcome.error}")
        if len(lost) > NAMED:
            print(f"{where}: and {len(lost) - NAMED} more")

    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list):
        rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        self._void = bool(torch.isnan(rewards).all())
        if self._void and self.accelerator.is_main_process:
            print(
                f"visual-sdpo: step {self.state.global_step + 1} is skipped: no rollout could be scored "
                "(time-outs, memory or crashes of the renderer); help: fewer render_workers or a longer render_timeout"
            )
        return rewards

    def _group(self) -> int:
        return self.num_generations if self.model.training else self.num_generations_eval

    # The teacher's turns.

    def _add_teacher(self, inputs, output) -> None:
        """Adds to each row of the batch: the teacher's prompt, w_t; and the step's denominators."""
        rollouts = self.feedback.rollouts
        prompts = self._conversations(inputs)
        shape = output["completion_mask"].shape
        weights = torch.zeros(shape, dtype=torch.float32)
        teachers, overlong = [], 0
        for i, (rollout, prompt) in enumerate(zip(rollouts, prompts)):
            encoded = self._encode(self.feedback.teacher_turn(prompt, rollout, self.channels))
            fits = encoded["input_ids"].size(1) <= self.args.max_teacher_tokens
            overlong += not fits
            kept = rollout.finished or self.args.truncated == "keep"
            if kept and fits and self.args.distill_weight > 0.0:
                weights[i, : len(rollout.weights)] = torch.from_numpy(rollout.weights)
            teachers.append(encoded)
        device = self.accelerator.device
        output["teacher_inputs"] = teachers
        output["statement_weights"] = weights.to(device) * output["completion_mask"]
        scored = torch.tensor([rollout.reward is not None for rollout in rollouts], device=device)
        counts = torch.stack([
            (output["statement_weights"].sum(-1) > 0).sum(),
            (output["completion_mask"] * scored.unsqueeze(1)).sum(),
            torch.tensor(overlong, device=device),
        ])
        counts = self.accelerator.reduce(counts.float(), reduction="sum")
        output["num_distilled"], output["num_items_in_batch"] = counts[0], counts[1]
        total = len(rollouts) * self.accelerator.num_processes
        self._metrics["train"]["distill/signal_fraction"].append(counts[0].item() / total)
        self._metrics["train"]["distill/dropped_overlong"].append(counts[2].item())

    def _conversations(self, inputs) -> list[list[dict]]:
        """The prompts as the student saw them, with their pictures in place."""
        if not self._is_vlm:
            return [row["prompt"] for row in inputs]
        return [prepare_multimodal_messages(prompt) for prompt in self._prompts]

    def _encode(self, conversation: list[dict]) -> dict:
        if not self._is_vlm:
            conversation = [{**turn, "content": _flat(turn["content"])} for turn in conversation]
        encoded = self.processing_class.apply_chat_template(
            [conversation],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            chat_template=self.chat_template,
            **self.chat_template_kwargs,
        )
        return dict(encoded)

    # The loss.

    def training_step(self, model, inputs, num_items_in_batch):
        loss = super().training_step(model, inputs, num_items_in_batch)
        if self._void:
            # Without gradients the optimizer leaves weights and moments as they are.
            model.zero_grad(set_to_none=True)
            self._metrics["train"]["steps/void"].append(1.0)
        return loss

    def _compute_loss(self, model, inputs):
        """Eq. 7: L_VSDPO + beta L_GRPO, scaled so that the sum over micro-batches and processes is
        the loss of the step."""
        self._distill = None
        distils = "teacher_inputs" in inputs and inputs["num_distilled"] > 0
        if distils:
            self._distill = self._teach(model, inputs)
        policy_loss = super()._compute_loss(model, inputs)
        loss = self.args.grpo_weight * policy_loss
        if distils:
            distill_loss = self._weighted_divergence(inputs)
            loss = loss + self.args.distill_weight * distill_loss
        self._distill = self._scores = None
        return loss

    def _teach(self, model, inputs) -> Distill:
        completion, mask = inputs["completion_ids"], inputs["completion_mask"]
        batch = self._teacher_batch(inputs["teacher_inputs"], completion, mask)
        return Distill(
            targets=completion,
            mask=mask,
            teachers=self.teacher.states(self, model, batch, completion.size(1)),
            divergence=self.args.how(),
            temperature=self.temperature,
            rows=self.args.divergence_rows,
        )

    def _teacher_batch(self, teachers: list[dict], completion, mask) -> dict:
        """The teacher's prompts, padded on the left, each followed by the same completion ids."""
        device = completion.device
        ids = [teacher["input_ids"][0] for teacher in teachers]
        left = {"padding_side": "left", "pad_to_multiple_of": self.pad_to_multiple_of}
        prompt = pad(ids, padding_value=self._tokenizer.pad_token_id, **left).to(device)
        prompt_mask = pad([torch.ones_like(x) for x in ids], padding_value=0, **left).to(device)
        batch = {
            "input_ids": torch.cat([prompt, completion], dim=1),
            "attention_mask": torch.cat([prompt_mask, mask], dim=1),
        }
        for name in ("mm_token_type_ids", "token_type_ids"):
            if name in teachers[0]:
                kinds = pad([teacher[name][0] for teacher in teachers], padding_value=0, **left).to(device)
                batch[name] = torch.cat([kinds, torch.zeros_like(completion)], dim=1)
        for name in ("pixel_values", "image_grid_thw"):
            rows = [teacher[name] for teacher in teachers if name in teacher]
            if rows:
                batch[name] = torch.cat(rows).to(device)
        return batch

    def _get_per_token_logps_and_entropies(self, model, input_ids, attention_mask, logits_to_keep, *args, **kwargs):
        """In the loss the student's one pass gives log-probabilities, entropies and divergences."""
        if self._distill is None or not torch.is_grad_enabled():
            return super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, *args, **kwargs
            )
        names = ("pixel_values", "image_grid_thw", "mm_token_type_ids", "token_type_ids")
        seen = {name: kwargs[name] for name in names if kwargs.get(name) is not None}
        with self.accelerator.autocast():
            scores = model(input_ids=input_ids, attention_mask=attention_mask, **seen, distill=self._distill)
        self._scores = scores
        return scores.log_probs, scores.entropy, None

    def _weighted_divergence(self, inputs) -> torch.Tensor:
        """Eq. 6 with rho of docs/specs/training.md 1.3: (1 / N_d) sum_i sum_t w rho D / sum_t w."""
        scores, weights = self._scores, inputs["statement_weights"]
        old = inputs.get("sampling_per_token_logps", inputs.get("old_per_token_logps"))
        rho = torch.ones_like(weights)
        if old is not None:
            gap = torch.nan_to_num(scores.log_probs.detach() - old, nan=0.0).clamp(-20.0, 20.0)
            rho = gap.exp().clamp(max=self.args.is_clip)
        share = weights / weights.sum(-1, keepdim=True).clamp(min=1e-12)
        # Gradients are averaged over processes, and N_d is that of the generation batch.
        rollouts = inputs["num_distilled"] / self.accelerator.num_processes
        rollouts = rollouts * self.current_gradient_accumulation_steps / self.args.steps_per_generation
        loss = (share * rho * scores.divergence).sum() / rollouts
        self._log_divergence(scores, weights)
        return loss

    def _log_divergence(self, scores: Scores, weights) -> None:
        gap = (scores.teacher_log_probs - scores.log_probs).detach()
        flagged, plain = weights > 1.0, weights == 1.0
        for name, values, chosen in (
            ("distill/kl_mean", scores.divergence, weights > 0.0),
            ("distill/kl_flagged", scores.divergence, flagged),
            ("distill/gap_flagged", gap, flagged),
            ("distill/gap_unflagged", gap, plain),
        ):
            total = torch.stack([(values.detach() * chosen).sum(), chosen.sum().float()])
            total = self.accelerator.reduce(total, reduction="sum")
            mean = (total[0] / total[1]).item() if total[1] > 0 else float("nan")
            self._metrics["train"][name].append(mean)

    # Guards.

    def _refuse_placeholders(self, completion_ids) -> None:
        for i, ids in enumerate(completion_ids):
            for at, token in enumerate(ids):
                if token in self.placeholders:
                    raise RuntimeError(
                        f"completion {i} holds the placeholder {self._tokenizer.convert_ids_to_tokens(token)} at "
                        f"token {at}, for which there is no picture; help: the engine ignored the ban of "
                        "generation_kwargs; ban these ids there"
                    )

    def _check_pixels(self, output) -> None:
        """The pixels that are trained on must be those that were sampled with."""
        trained, sampled = output.get("pixel_values"), self._sampled_pixels
        if trained is None or sampled is None:
            return
        if trained.shape != sampled.shape or not torch.equal(trained, sampled.to(trained)):
            raise RuntimeError(
                "the processor gave other pixels for training than for sampling; help: use a processor without "
                "random augmentation, and one version of transformers"
            )

    def _check_engine(self) -> None:
        """A weight synchronisation that silently did nothing shows as a growing difference here."""
        measured = self._metrics["train" if self.model.training else "eval"].get(
            "sampling/sampling_logp_difference/mean"
        )
        limit = self.args.max_logp_difference
        if measured and limit is not None and measured[-1] > limit:
            raise RuntimeError(
                f"step {self.state.global_step + 1}: log-probabilities of engine and trainer differ by "
                f"{measured[-1]:.3f} in the mean, more than max_logp_difference = {limit}; help: the engine may hold "
                "stale weights or see other prompts; compare one prompt by hand"
            )


def _processor(model, args):
    name = model if isinstance(model, str) else model.config._name_or_path
    return AutoProcessor.from_pretrained(name, truncation_side="left", padding_side="left")


def _placeholders(processor) -> set[int]:
    holders = (processor, getattr(processor, "tokenizer", processor))
    return {i for h in holders for name in PLACEHOLDERS if (i := getattr(h, name, None)) is not None}


def _ban(args: VisualSDPOConfig, ids: set[int]) -> None:
    """A sampled placeholder would ask for the features of a picture that does not exist."""
    if not ids:
        return
    ban = {"logit_bias": {i: -100.0 for i in ids}} if args.use_vllm else {"suppress_tokens": sorted(ids)}
    args.generation_kwargs = {**ban, **(args.generation_kwargs or {})}


def _teacher(model, args: VisualSDPOConfig, peft: bool) -> TeacherModel:
    full = None
    if args.distill_weight > 0.0 and TeacherModel.needs_copy(args.teacher, peft):
        full = create_model_from_path(model, **(args.model_init_kwargs or {})) if isinstance(model, str) else None
        full = full or copy.deepcopy(model)
    return TeacherModel(args.teacher, args.trust_rate, full)


def _flat(content) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _metrics(rollouts: list[Rollout], feedback: Feedback) -> dict[str, float]:
    """What one process knows of its rollouts; TRL averages over processes."""
    count = len(rollouts)
    drawn = [rollout for rollout in rollouts if rollout.outcome.executed]
    values = {
        "exec/success": len(drawn) / count,
        "exec/unscored": sum(rollout.reward is None for rollout in rollouts) / count,
        "render/seconds": feedback.seconds,
        "credit/w_mean": sum(float(r.weights.mean()) for r in rollouts if len(r.weights)) / count,
        "rubric/clean": sum(rollout.diagnosis.clean for rollout in drawn) / count,
    }
    axes: dict[str, list[bool]] = {}
    for rollout in drawn:
        for axis, said in rollout.diagnosis.rubric.items():
            if said["satisfied"] is not None:
                axes.setdefault(axis, []).append(said["satisfied"])
    return values | {f"rubric/{axis}": sum(ok) / len(ok) for axis, ok in axes.items()}
