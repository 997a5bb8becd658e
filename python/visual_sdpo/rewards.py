"""Equation 8 as the reward function of other trainers, by their own hooks.

    TRL       GRPOTrainer(reward_funcs=[trl_reward("chart")], ...)
    verl      reward.custom_reward_function.path=<this file>, .name=compute_score
    EasyR1    worker.reward.reward_function=<this file>:compute_scores, worker.reward.reward_type=batch
    ms-swift  --external_plugins <this file> --reward_funcs visual_sdpo

A rollout that could not be scored (a time-out, lack of memory or crash, twice) is `None` for TRL,
which leaves it out. The others have no such value: there it is 0, and `unscored` is 1 beside it, so
that a run in which the machine decides the reward can be seen.
"""

from __future__ import annotations

import json
import os
import threading

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
    tasks = [_task(domain, language, said) for said in requirements]
    codes = [core.extract_code(text, task.language)[0] for text, task in zip(texts, tasks)]
    outcomes = pool(domain, language).render_all(codes)
    return [_said(task, outcome) for task, outcome in zip(tasks, outcomes)]


def trl_reward(domain: str, language: str | None = None):
    """A reward function for `GRPOTrainer`; the dataset's column `requirements` is read if there.

    All rollouts of a prompt that one process sees are judged together, as equation 8 says.
    """

    def visual_sdpo(prompts, completions, requirements=None, log_metric=None, **_) -> list[float | None]:
        texts = [c if isinstance(c, str) else c[-1]["content"] for c in completions]
        requirements = requirements or [None] * len(texts)
        found = _by_prompt(prompts, texts, domain, language, requirements)
        if log_metric:
            log_metric("exec/unscored", sum(r is None for r in found) / len(found))
        return found

    return visual_sdpo


def compute_score(data_source: str, solution_str: str, ground_truth, extra_info=None, **_) -> dict:
    """verl's hook. `data_source` names the domain (`chart`, `web` or `slide`, anything may follow a
    `/`); `ground_truth` holds the requirements as JSON, or nothing."""
    language = (extra_info or {}).get("language")
    return _number(score(solution_str, data_source.split("/")[0], ground_truth or None, language), "score")


def compute_scores(reward_inputs: list[dict], domain: str = "chart", **_) -> list[dict]:
    """EasyR1's hook: `response` and `ground_truth` (the requirements as JSON, or nothing) in,
    `overall` and the axes out."""
    texts = [given["response"] for given in reward_inputs]
    required = [given.get("ground_truth") or None for given in reward_inputs]
    return [_number(said, "overall") for said in scores(texts, domain, required)]


def _by_prompt(prompts, texts, domain, language, requirements) -> list[float | None]:
    keys = [json.dumps(prompt, default=str) for prompt in prompts]
    codes = [core.extract_code(text, _language(domain, language))[0] for text in texts]
    outcomes = pool(domain, language).render_all(codes)
    found: list[float | None] = [None] * len(texts)
    for key in dict.fromkeys(keys):
        group = [i for i, other in enumerate(keys) if other == key]
        task = _task(domain, language, requirements[group[0]])
        for i, reward in zip(group, core.reward(task, [outcomes[i] for i in group])):
            found[i] = reward
    return found


def _language(domain: str, language: str | None) -> str:
    return core.Task("", domain, language=language).language


def _task(domain: str, language: str | None, requirements) -> core.Task:
    if isinstance(requirements, str):
        requirements = json.loads(requirements)
    if requirements is not None:
        requirements = {key: value for key, value in requirements.items() if value is not None}
    return core.Task("", domain, language=language, requirements=requirements)


def _said(task: core.Task, outcome: core.Outcome) -> dict:
    diagnosis = core.diagnose(task, outcome)
    axes = {
        name: float(axis["satisfied"]) for name, axis in diagnosis.rubric.items() if axis["satisfied"] is not None
    }
    reward = core.reward(task, [outcome])[0]
    return {"score": reward, "executed": float(outcome.executed), "content": diagnosis.content, **axes}


def _number(said: dict, name: str) -> dict:
    """For trainers whose rewards must be numbers."""
    reward = said.pop("score")
    return {name: 0.0 if reward is None else reward, "unscored": float(reward is None), **said}


def register_swift() -> None:
    """Adds `visual_sdpo` to the reward functions of ms-swift (`--external_plugins`)."""
    from swift.rewards import ORM, orms

    class VisualReward(ORM):
        """Dataset columns: `domain`, and optionally `requirements` and `language`."""

        def __call__(self, completions, domain=None, requirements=None, language=None, **_) -> list[float]:
            count = len(completions)
            domain, language = domain or ["chart"] * count, language or [None] * count
            requirements = requirements or [None] * count
            every = zip(completions, domain, requirements, language)
            return [_number(score(t, d, r, lang), "score")["score"] for t, d, r, lang in every]

    orms["visual_sdpo"] = VisualReward
