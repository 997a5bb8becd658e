"""Equation 8 as the reward function of other trainers, by their own hooks.

    TRL       GRPOTrainer(reward_funcs=[trl_reward("chart")], ...)
    verl      reward.custom_reward_function.path=pkg://visual_sdpo.rewards, .name=compute_score
    EasyR1    worker.reward.reward_function=<this file>:compute_scores
    ms-swift  --external_plugins <a file that calls register_swift()> --reward_funcs visual_sdpo

A rollout that could not be scored (a time-out, lack of memory or crash, twice) is `None` for TRL,
which leaves it out, and for ms-swift, which warns and counts it as 0. verl and EasyR1 have no such
value: there it is 0, and `unscored` is 1 beside it, so that a run in which the machine decides the
reward can be seen.

Equation 8 judges the rollouts of a task together: an axis that only some of them show counts for
the others with their mean. TRL and ms-swift say which rollouts belong together. verl and EasyR1 do
not, so there each is judged by itself and such an axis is left out for it; verl's agent loop with
the method (`visual_sdpo.verl.worker`) judges them together.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from typing import Any, NamedTuple

import visual_sdpo as core

_pools: dict[tuple, core.RenderPool] = {}
_lock = threading.Lock()


def pool(domain: str, language: str | None = None) -> core.RenderPool:
    """The pool of this process for a domain; it is opened at the first call, also after a fork.

    `VSDPO_RENDER_WORKERS` and `VSDPO_RENDER_TIMEOUT` (seconds) set its size and its limit.
    """
    key = (os.getpid(), domain, language)
    with _lock:
        if key not in _pools:
            workers, timeout = (os.environ.get(f"VSDPO_RENDER_{name}") for name in ("WORKERS", "TIMEOUT"))
            _pools[key] = core.RenderPool(
                domain,
                language,
                workers=int(workers) if workers else None,
                timeout_s=float(timeout) if timeout else None,
            )
        return _pools[key]


def score(text: str, domain: str, requirements: dict | str | None = None, language: str | None = None) -> dict:
    """One completion.

    Returns:
        `score` (0 to 1, or `None` if it could not be scored), `executed` (0 or 1), `content` (the
        share of requirements that are met) and one number an axis: 1 satisfied, 0 not; axes that
        were not evaluated are left out.
    """
    return scores([text], domain, [requirements], language)[0]


def scores(texts: list[str], domain: str, requirements: list, language: str | None = None) -> list[dict]:
    """Many completions, each judged by itself; see `score`."""
    tasks = [task_of(domain, language, said) for said in requirements]
    codes = [core.extract_code(text, task.language)[0] for text, task in zip(texts, tasks)]
    outcomes = pool(domain, language).render_all(codes)
    return [verdict(task, outcome, core.reward(task, [outcome])[0]) for task, outcome in zip(tasks, outcomes)]


def trl_reward(domain: str, language: str | None = None):
    """A reward function for `GRPOTrainer`; the dataset's column `requirements` is read if there.

    All rollouts of a prompt that one process sees are judged together, as equation 8 says.
    """

    def visual_sdpo(prompts, completions, requirements=None, log_metric=None, **columns) -> list[float | None]:
        texts = [c if isinstance(c, str) else c[-1]["content"] for c in completions]
        nothing = [None] * len(texts)
        pictures = columns.get("images") or columns.get("image") or nothing
        keys = [json.dumps([prompt, seen], default=_name) for prompt, seen in zip(prompts, pictures)]
        rows = [_Row(*row) for row in zip(keys, texts, requirements or nothing)]
        found = _together(rows, domain, language)
        if log_metric:
            log_metric("exec/unscored", sum(r is None for r in found) / len(found))
        return found

    return visual_sdpo


def compute_score(data_source: str, solution_str: str, ground_truth, extra_info=None, **_) -> dict:
    """verl's hook. `data_source` names the domain (`chart`, `web` or `slide`, anything may follow a
    `/`); `ground_truth` holds the requirements as JSON, or nothing."""
    language = (extra_info or {}).get("language")
    return as_number(score(solution_str, domain_of(data_source), ground_truth or None, language), "score")


def domain_of(data_source: str) -> str:
    """The domain that verl's column `data_source` names."""
    return data_source.split("/")[0]


def compute_scores(reward_inputs: list[dict], domain: str = "chart", **_) -> list[dict]:
    """EasyR1's hook: `response` and `ground_truth` (the requirements as JSON, or nothing) in,
    `overall` and the axes out."""
    texts = [given["response"] for given in reward_inputs]
    required = [given.get("ground_truth") or None for given in reward_inputs]
    return [as_number(said, "overall") for said in scores(texts, domain, required)]


def task_of(domain: str, language: str | None, requirements: dict | str | None) -> core.Task:
    """What a good answer must show; the prompt itself stays where the trainer has it."""
    return core.Task("", domain, language=language, requirements=requirements_of(requirements))


def requirements_of(column: dict | str | None) -> dict | None:
    """From JSON, or a dict in which Arrow has filled in None for what other rows have."""
    said = json.loads(column) if isinstance(column, str) else column
    return None if said is None else {key: value for key, value in said.items() if value is not None}


def verdict(task: core.Task, outcome: core.Outcome, reward: float | None) -> dict:
    """The reward and what it is made of; see `score`."""
    diagnosis = core.diagnose(task, outcome)
    axes = {
        name: float(axis["satisfied"]) for name, axis in diagnosis.rubric.items() if axis["satisfied"] is not None
    }
    # The rubric has an axis `content` too: whether the share is 1.
    return {"score": reward, "executed": float(outcome.executed), **axes, "content": diagnosis.content}


def as_number(verdict: dict, name: str) -> dict:
    """A verdict for trainers whose rewards must be numbers, with the reward under `name`."""
    rest = {key: value for key, value in verdict.items() if key != "score"}
    reward = verdict["score"]
    return {name: 0.0 if reward is None else reward, "unscored": float(reward is None), **rest}


def register_swift() -> None:
    """Adds `visual_sdpo` to the reward functions of ms-swift; call it in a file for
    `--external_plugins`, as examples/engines/ms_swift_plugin.py does.

    That file must not lie in this package: ms-swift puts its folder before all others on the path,
    and `import trl` would then find `visual_sdpo/trl`.
    """
    from swift.rewards import ORM, orms

    class VisualReward(ORM):
        """Dataset columns: `domain`, and optionally `requirements` and `language`."""

        def __call__(self, completions, prompt_id=None, is_truncated=None, **columns) -> list[float | None]:
            count = len(completions)
            domains = [domain or "chart" for domain in columns.get("domain") or [None] * count]
            languages = columns.get("language") or [None] * count
            requirements = columns.get("requirements") or [None] * count
            finished = [not cut for cut in is_truncated or [False] * count]
            found: list[float | None] = [None] * count
            for kind in dict.fromkeys(zip(domains, languages)):
                chosen = [i for i, other in enumerate(zip(domains, languages)) if other == kind]
                rows = [
                    _Row(prompt_id[i] if prompt_id else i, completions[i], requirements[i], finished[i]) for i in chosen
                ]
                for i, reward in zip(chosen, _together(rows, *kind)):
                    found[i] = reward
            return found

    orms["visual_sdpo"] = VisualReward


def _name(picture) -> str:
    """The same for two copies of a picture: TRL reads a row anew for each of its completions."""
    pixels = getattr(picture, "tobytes", lambda: str(picture).encode())()
    return hashlib.sha256(pixels).hexdigest()


class _Row(NamedTuple):
    """One completion; `key` is the same for the completions of one prompt."""

    key: Any
    text: str
    requirements: dict | str | None
    finished: bool = True


def _together(rows: list[_Row], domain: str, language: str | None) -> list[float | None]:
    """Equation 8, group by group."""
    codes = [core.extract_code(row.text, task_of(domain, language, None).language)[0] for row in rows]
    outcomes = pool(domain, language).render_all(codes)
    found: list[float | None] = [None] * len(rows)
    for key in dict.fromkeys(row.key for row in rows):
        group = [i for i, row in enumerate(rows) if row.key == key]
        task = task_of(domain, language, rows[group[0]].requirements)
        finished = [rows[i].finished for i in group]
        for i, reward in zip(group, core.reward(task, [outcomes[i] for i in group], finished=finished)):
            found[i] = reward
    return found
