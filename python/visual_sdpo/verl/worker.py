"""verl's agent loop, which renders each response and asks the teacher with the render in view.

verl's own worker asks the teacher server with the student's prompt. This one asks with equation 2:
the student's turn, then the render and the rubric, or the error text. It renders a response once,
for the reward and for the teacher. It serves the trainer that verl takes by default
(`trainer.use_v1=True`), single-turn agents, and engines that can ban tokens (vLLM, SGLang).

Settings are read from the root of verl's configuration, e.g. `+visual_sdpo.amplify=3`; see `Settings`.
"""

from __future__ import annotations

import asyncio
import dataclasses
import logging
from typing import Any, NamedTuple

import ray
import torch
from omegaconf import OmegaConf
from pydantic import PrivateAttr
from verl.experimental.agent_loop import AgentLoopOutput
from verl.trainer.ppo.v1 import AgentLoopManagerTQ, AgentLoopWorkerTQ
from verl.utils.tokenizer import get_processor_token_id
from verl.utils.tokenizer.continuous_token_wiring import create_continuous_token_builder

import visual_sdpo as core

from .. import rewards
from ..factors import beside_student, no_teacher
from ..tokens import TokenText, token_spans, token_weights
from .loss import LOSS_MODE

logger = logging.getLogger(__name__)

# The class under Ray's wrapper: a class cannot inherit from an actor.
_Worker = AgentLoopWorkerTQ.__ray_metadata__.modified_class.__ray_actor_class__


_KNOWN = {
    "channels": ("image", "rubric"),
    "rubric": ("binary", "observed", "full"),
    "overlap": ("iou", "ioa"),
    "truncated": ("keep", "drop"),
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """What can be set under `+visual_sdpo.` on verl's command line.

    channels: what the teacher sees of a render, `image` and `rubric`; `rubric` alone for a model
    that reads no pictures. rubric: `binary` (the paper's), `observed` or `full`. amplify: weight of
    a statement that answers for a defect (equation 5). overlap: `iou` or `ioa` (equation 4).
    axis_weights: weight of each axis in the reward. truncated: whether responses that met the length
    limit are distilled, `keep` or `drop`. max_teacher_tokens: a rollout whose teacher prompt is
    longer is not distilled.
    """

    channels: tuple[str, ...] = ("image", "rubric")
    rubric: str = "binary"
    amplify: float = 3.0
    overlap: str = "iou"
    axis_weights: dict | None = None
    truncated: str = "keep"
    max_teacher_tokens: int = 8192

    def __post_init__(self):
        # Checked here, because an error in a rollout would only leave that rollout without a teacher.
        for name, known in _KNOWN.items():
            value = getattr(self, name)
            for said in [value] if isinstance(value, str) else value:
                if said not in known:
                    raise ValueError(f"visual_sdpo.{name} has `{said}`; help: write one of {', '.join(known)}")
        if self.amplify < 1.0:
            raise ValueError(f"visual_sdpo.amplify is {self.amplify}; help: write 1 (uniform) or more")

    @classmethod
    def read(cls, config) -> Settings:
        """From verl's whole configuration.

        Raises:
            ValueError: for a name that is none of the settings, or a value outside its range.
        """
        given = OmegaConf.to_container(OmegaConf.create(config.get("visual_sdpo") or {}), resolve=True)
        known = [f.name for f in dataclasses.fields(cls)]
        for name in given:
            if name not in known:
                raise ValueError(f"visual_sdpo.{name} is unknown; help: the settings are {', '.join(known)}")
        return cls(**given)


class Seen(NamedTuple):
    """What was found in a response."""

    task: core.Task
    text: TokenText
    outcome: core.Outcome
    finished: bool


class Rollout(AgentLoopOutput):
    """verl's output of an agent loop, and the weight of each response token.

    verl stores the fields that are set; one more field is one more tensor of the batch.
    """

    statement_weights: Any = None
    _seen: Seen | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, output: AgentLoopOutput, seen: Seen) -> Rollout:
        said = {name: getattr(output, name) for name in output.model_fields_set}
        rollout = cls.model_construct(set(said), **said)
        rollout._seen = seen
        return rollout


class Group:
    """The rollouts of one task, which equation 8 judges together.

    verl samples them in one process. Each session either brings what was seen in its rollout or
    leaves, so that no other waits for it.
    """

    def __init__(self, sessions: int, axis_weights: dict | None):
        self.axis_weights = axis_weights
        self.expected = set(range(sessions))
        self.seen: dict[int, Seen] = {}
        self.rewards: dict[int, float | None] = {}
        self.complete = asyncio.Event()

    async def reward(self, session: int, seen: Seen) -> float | None:
        """Equation 8 for one rollout, once all others have been seen or have left."""
        self.seen[session] = seen
        self.leave(session)
        await self.complete.wait()
        return self.rewards[session]

    def leave(self, session: int) -> None:
        self.expected.discard(session)
        if self.expected or self.complete.is_set():
            return
        if self.seen:
            outcomes = [seen.outcome for seen in self.seen.values()]
            finished = [seen.finished for seen in self.seen.values()]
            task = next(iter(self.seen.values())).task
            found = core.reward(task, outcomes, finished=finished, weights=self.axis_weights)
            self.rewards = dict(zip(self.seen, found))
        self.complete.set()


class NotDistilled(Exception):
    """A rollout that the teacher is not asked about; the message says why."""


class VisualSDPOWorker(_Worker):
    """One process that runs agent loops. Its arguments are verl's."""

    def __init__(self, config, *args, **kwargs):
        super().__init__(config, *args, **kwargs)
        self.settings = Settings.read(config)
        self.ban = _ban(self.rollout_config.name, self.processor)
        self.rewards_here = not (config.reward.get("custom_reward_function") or {}).get("path")
        self.channels = tuple(self.settings.channels) if self.processor else ("rubric",)
        self.not_distilled = 0
        self.groups: dict[str, Group] = {}
        # The builder of verl's own prompts: template, its arguments and the processor are the student's.
        self.builder = create_continuous_token_builder(
            self.tokenizer,
            hf_model_type=self.hf_model_type,
            chat_template_kwargs=config.data.get("apply_chat_template_kwargs", {}),
            mm_processor_kwargs=config.data.get("mm_processor_kwargs", {}),
            processor=self.processor,
        )
        if self.distillation_enabled and config.distillation.distillation_loss.loss_mode != LOSS_MODE:
            raise ValueError(
                f"loss_mode {config.distillation.distillation_loss.loss_mode} ignores statement weights; "
                f"help: set distillation.distillation_loss.loss_mode={LOSS_MODE}"
            )

    async def _run_prompt(self, prompt, sampling_params, trajectory, trace=False):
        rollout = self.config.actor_rollout_ref.rollout
        sessions = prompt.get("__rollout_n__", rollout.val_kwargs.n if trajectory["validate"] else rollout.n)
        self.groups[prompt["uid"]] = Group(sessions, self.settings.axis_weights)
        try:
            await super()._run_prompt(prompt, sampling_params, trajectory, trace)
        finally:
            del self.groups[prompt["uid"]]

    async def _run_agent_loop(self, sampling_params, trajectory, **kwargs):
        try:
            return await super()._run_agent_loop({**sampling_params, **self.ban}, trajectory, **kwargs)
        finally:
            self.groups[kwargs["uid"]].leave(kwargs["session_id"])

    async def _agent_loop_postprocess(self, output, validate, **kwargs):
        outputs = list(output) if isinstance(output, list) else [output]
        if outputs:
            seen = await asyncio.to_thread(self._look, outputs[-1], kwargs)
            rollout = outputs[-1] = Rollout.of(outputs[-1], seen)
            await asyncio.gather(self._reward(rollout, kwargs), self._teach(rollout, validate, kwargs))
        return await super()._agent_loop_postprocess(outputs, validate, **kwargs)

    async def _compute_teacher_logprobs(self, *args, **kwargs):
        """Has been done in `_teach`, while the other rollouts of the group were still sampled."""

    def _look(self, output: AgentLoopOutput, row: dict) -> Seen:
        """Renders a response."""
        language = (row.get("extra_info") or {}).get("language")
        truth = (row.get("reward_model") or {}).get("ground_truth") or None
        task = rewards.task_of(rewards.domain_of(row["data_source"]), language, truth)
        text = token_spans(self.tokenizer, output.response_ids)
        code, _, _ = core.extract_code(text.text, task.language)
        outcome = rewards.pool(task.domain, language).render(code)
        full = len(output.response_ids) >= self.rollout_config.response_length
        finished = not full or output.response_ids[-1] == self.tokenizer.eos_token_id
        return Seen(task, text, outcome, finished)

    async def _reward(self, rollout: Rollout, row: dict) -> None:
        """Equation 8, unless verl was given a reward function."""
        if not self.rewards_here or rollout.reward_score is not None:
            return
        found = await self.groups[row["uid"]].reward(row["session_id"], rollout._seen)
        said = rewards.as_number(rewards.verdict(rollout._seen.task, rollout._seen.outcome, found), "score")
        rollout.reward_score = said["score"]
        rollout.extra_fields = {**rollout.extra_fields, "reward_extra_info": said}

    async def _teach(self, rollout: Rollout, validate: bool, row: dict) -> None:
        """Adds the teacher's top-k and the token weights, or the weights 0."""
        if validate or not self.distillation_enabled:
            return
        try:
            ids, logps = await self._ask(rollout, row)
            weights = self._weights(rollout._seen)
        except Exception as error:  # A rollout that cannot be taught is trained on its reward alone.
            self._lost(error)
            tokens = len(rollout.response_ids)
            columns = self.config.distillation.distillation_loss.topk
            ids, logps = no_teacher(len(rollout.prompt_ids) + tokens, columns)
            weights = torch.zeros(tokens)
        rollout.extra_fields = {**rollout.extra_fields, "teacher_ids": ids, "teacher_logprobs": logps}
        rollout.statement_weights = weights

    async def _ask(self, rollout: Rollout, row: dict) -> tuple[torch.Tensor, torch.Tensor]:
        """The teacher's top-k beside the student's sequence: ids and log-probabilities, (P + T, K)."""
        if not rollout._seen.finished and self.settings.truncated == "drop":
            raise NotDistilled("the response met the length limit")
        prompt, pictures = await asyncio.to_thread(self._teacher_prompt, rollout, row["raw_prompt"])
        if len(prompt) > self.settings.max_teacher_tokens:
            raise NotDistilled("the teacher's prompt is longer than visual_sdpo.max_teacher_tokens")
        data = {**(rollout.multi_modal_data or {}), **({"images": pictures} if pictures else {})}
        asked = rollout.model_copy(update={"multi_modal_data": data, "extra_fields": {}})
        await super()._compute_teacher_logprobs(asked, prompt, rollout.response_ids, False, row)
        ids, logps = asked.extra_fields["teacher_ids"], asked.extra_fields["teacher_logprobs"]
        fill_ids, fill_logps = no_teacher(1, ids.size(1))
        sizes = (len(rollout.prompt_ids), len(rollout.response_ids))
        return beside_student(ids, *sizes, fill_ids[0]), beside_student(logps, *sizes, fill_logps[0])

    def _teacher_prompt(self, rollout: Rollout, raw_prompt) -> tuple[list[int], list]:
        """Equation 2 as token ids, and its pictures: those of the student's prompt, then the render."""
        seen = rollout._seen
        [shown] = core.teacher_messages(
            seen.task,
            seen.outcome,
            channels=self.channels,
            rubric=self.settings.rubric,
            weights=self.settings.axis_weights,
            pictures="pil",
        )
        *before, last = raw_prompt
        content = last["content"]
        if self.processor is None:
            content = _flat(content) + _flat(shown["content"])
        else:
            content = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
            content += shown["content"]
        pictures = list((rollout.multi_modal_data or {}).get("images") or [])
        pictures += [part["image"] for part in shown["content"] if part["type"] == "image"]
        messages = [*before, {**last, "content": content}]
        return self.builder.build_initial_tokens(messages, images=pictures or None), pictures

    def _weights(self, seen: Seen) -> torch.Tensor:
        """w_t of equation 5, (T,) float32."""
        return torch.from_numpy(token_weights(seen.text, seen.task, seen.outcome, self.settings))

    def _lost(self, error: Exception) -> None:
        self.not_distilled += 1
        why = str(error) if isinstance(error, NotDistilled) else f"the teacher's call failed: {error!r}"
        logger.warning("a rollout is not distilled, %s (%d so far in this process)", why, self.not_distilled)


class VisualSDPOManager(AgentLoopManagerTQ):
    """For `actor_rollout_ref.rollout.agent.agent_loop_manager_class`."""

    def __init__(self, config, *args, **kwargs):
        if not config.trainer.use_v1:
            raise ValueError("VisualSDPOManager serves verl's trainer v1 only; help: set trainer.use_v1=True")
        super().__init__(config, *args, **kwargs)
        self.agent_loop_workers_class = ray.remote(VisualSDPOWorker)


def _ban(engine: str, processor) -> dict:
    """Sampling parameters under which no placeholder of a picture is sampled: the trainer would look
    for the features of a picture that does not exist."""
    if processor is None:
        return {}
    if engine not in ("vllm", "sglang"):
        raise ValueError(f"rollout engine {engine} cannot ban placeholder tokens; help: use vllm or sglang")
    ids = {get_processor_token_id(processor, kind) for kind in ("image", "video")} - {None}
    return {"logit_bias": {i: -100.0 for i in sorted(ids)}}


def _flat(content) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)
