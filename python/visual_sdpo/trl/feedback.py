"""From completions to what they are trained with: renders, rewards, weights, the teacher's turns."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as StillRunning
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

import visual_sdpo as core

from ..rewards import requirements_of
from ..tokens import TokenText, token_spans, token_weights

# Columns of a dataset row that say more about its task. All are optional.
TASK_COLUMNS = ("reference", "requirements")

# Seconds after which, again and again, a step that waits for its renders says so.
SLOW_S = 60.0


@dataclass
class Rollout:
    """One completion of one row.

    outcome: what rendering made of its code. reward: equation 8; None where it could not be scored.
    """

    task: core.Task
    text: TokenText
    code: str
    finished: bool
    outcome: core.Outcome | None = None
    reward: float | None = None
    weights: np.ndarray | None = field(default=None, repr=False)

    @cached_property
    def diagnosis(self) -> core.Diagnosis:
        return core.diagnose(self.task, self.outcome)


class Feedback:
    """Renders the completions of a batch while the trainer goes on, and judges them."""

    def __init__(self, args, tokenizer):
        self.args, self.tokenizer = args, tokenizer
        self.pool = core.RenderPool(
            args.domain, args.language, workers=args.render_workers, timeout_s=args.render_timeout
        )
        self.threads = ThreadPoolExecutor(max_workers=1, thread_name_prefix="visual-sdpo-render")
        self.rollouts: list[Rollout] = []
        self.seconds = 0.0
        self.pending: Future | None = None

    def start(self, rows: list[dict], completion_ids: list[list[int]], ends: set[int], group: int) -> None:
        """Begins to render; `finish` waits for it. Rows of one task stand together, `group` each."""
        tasks = {i: self._task(rows[i]) for i in range(0, len(rows), group)}
        self.rollouts = [
            self._rollout(tasks[i - i % group], ids, ends) for i, ids in enumerate(completion_ids)
        ]
        self.pending = self.threads.submit(self._render)

    def finish(self, group: int) -> list[Rollout]:
        """The rollouts with outcome, reward and weights."""
        outcomes = self._rendered()
        for rollout, outcome in zip(self.rollouts, outcomes):
            rollout.outcome = outcome
        for first in range(0, len(self.rollouts), group):
            self._judge(self.rollouts[first : first + group])
        return self.rollouts

    def _rendered(self) -> list[core.Outcome]:
        began = time.perf_counter()
        while True:
            try:
                return self.pending.result(timeout=SLOW_S)
            except StillRunning:
                if self.pending.done():
                    raise
                print(
                    f"visual-sdpo: {len(self.rollouts)} rollouts are still being rendered after "
                    f"{time.perf_counter() - began:.0f} s; help: a shorter render_timeout, or fewer render_workers "
                    "than cores"
                )

    def _render(self) -> list[core.Outcome]:
        began = time.perf_counter()
        try:
            return self.pool.render_all([rollout.code for rollout in self.rollouts])
        finally:
            self.seconds = time.perf_counter() - began

    def _judge(self, group: list[Rollout]) -> None:
        args = self.args
        rewards = core.reward(
            group[0].task,
            [rollout.outcome for rollout in group],
            finished=[rollout.finished for rollout in group],
            weights=args.axis_weights,
        )
        for rollout, reward in zip(group, rewards):
            rollout.reward = reward
            rollout.weights = token_weights(rollout.text, rollout.task, rollout.outcome, args)

    def _task(self, row: dict) -> core.Task:
        # The prompt of the row stays in the row: the task says what a good answer must show.
        known = {column: row[column] for column in TASK_COLUMNS if row.get(column) is not None}
        known["requirements"] = requirements_of(known.get("requirements"))
        return core.Task("", self.args.domain, language=self.args.language, **known)

    def _rollout(self, task: core.Task, ids: list[int], ends: set[int]) -> Rollout:
        text = token_spans(self.tokenizer, ids)
        code, _, _ = core.extract_code(text.text, task.language)
        return Rollout(task, text, code, finished=bool(ids) and ids[-1] in ends)

    def teacher_turn(self, prompt: list[dict], rollout: Rollout, channels: tuple[str, ...]) -> list[dict]:
        """The conversation that the teacher sees (equation 2): the student's, and v after the
        content of its last turn."""
        shown = core.teacher_messages(
            rollout.task,
            rollout.outcome,
            channels=channels,
            rubric=self.args.rubric,
            weights=self.args.axis_weights,
            pictures="pil",
        )[0]["content"]
        last = prompt[-1]
        content = last["content"]
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        turn = {**last, "content": [*content, *shown]}
        return [*prompt[:-1], turn]
