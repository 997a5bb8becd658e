"""Equation 8 in the signatures of TRL, verl, EasyR1 and ms-swift, with real renders."""

import importlib.util
import json
import sys
import types
from pathlib import Path

import pytest
from PIL import Image

import visual_sdpo as core
from visual_sdpo import rewards

ROOT = Path(__file__).resolve().parents[2]
# Its ticks cannot be judged, the rest is fine.
CLEAN = """import matplotlib.pyplot as plt
fig, ax = plt.subplots()
ax.bar(["a", "b", "c"], [1, 3, 2])
ax.set_title("Clicks")
ax.axis("off")
"""
# Labels that overlap, and a legend that lies on the bars.
FLAWED = """import matplotlib.pyplot as plt
fig, ax = plt.subplots()
ax.bar([f"a long label {i}" for i in range(12)], [3] * 12, label="clicks")
ax.set_title("Clicks")
ax.legend(loc="center")
"""
# Never ends, so it is stopped, and stopped again: the machine might be to blame.
ENDLESS = "while True:\n    pass\n"
NEEDS = {"texts": ["Clicks"]}


@pytest.fixture(scope="module", autouse=True)
def small_pool():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VSDPO_RENDER_WORKERS", "2")
        patch.setenv("VSDPO_RENDER_TIMEOUT", "3")
        patch.setattr(rewards, "_pools", {})
        yield
        for pool in rewards._pools.values():
            pool.close()


@pytest.fixture(scope="module")
def alone():
    """The reward of each chart by itself, and of the flawed and the clean one together."""
    task = core.Task("", "chart", requirements=NEEDS)
    clean, flawed = rewards.pool("chart").render_all([CLEAN, FLAWED])
    single = [core.reward(task, [outcome])[0] for outcome in (clean, flawed)]
    together = core.reward(task, [clean, flawed])
    assert single[0] == 1.0 > single[1] > 0.0 and together != pytest.approx(single)
    return types.SimpleNamespace(clean=single[0], flawed=single[1], together=together)


def test_a_verdict_has_the_reward_and_its_parts(alone):
    said = rewards.score(CLEAN, "chart", NEEDS)
    assert (said["score"], said["executed"], said["content"]) == (1.0, 1.0, 1.0)
    assert said["legend"] == 1.0 and "ticks" not in said
    said = rewards.score(FLAWED, "chart", {"texts": ["Clicks"], "series": [[9.0, 9.0]], "legend": None})
    assert said["content"] == 0.5 and said["legend"] == said["ticks"] == 0.0
    # Overlap, clipping and contrast of six axes, times the share of the requirements.
    assert said["score"] == pytest.approx(3 / 6 * 0.5)
    failed = rewards.score("1/0", "chart")
    assert (failed["score"], failed["executed"]) == (0.0, 0.0)


def test_trl_judges_the_rollouts_of_a_prompt_together(alone):
    logged = {}
    reward = rewards.trl_reward("chart")
    prompts = [[{"role": "user", "content": "one"}]] * 2 + [[{"role": "user", "content": "two"}]] * 2
    texts = [[{"role": "assistant", "content": code}] for code in (CLEAN, FLAWED, CLEAN, ENDLESS)]
    needs = [json.dumps(NEEDS)] * 4
    got = reward(
        prompts=prompts, completions=texts, completion_ids=None, requirements=needs, log_metric=logged.__setitem__
    )
    assert got[:2] == pytest.approx(alone.together) and got[2:] == [1.0, None]
    assert logged == {"exec/unscored": 0.25} and reward.__name__ == "visual_sdpo"


def test_trl_tells_prompts_apart_by_their_pictures(alone):
    reward = rewards.trl_reward("chart")
    red, blue = Image.new("RGB", (4, 4), "red"), Image.new("RGB", (4, 4), "blue")
    calls = {"prompts": ["Draw this."] * 2, "completions": [CLEAN, FLAWED], "requirements": [NEEDS] * 2}
    assert reward(**calls, images=[[red], [red.copy()]]) == pytest.approx(alone.together)
    assert reward(**calls, images=[[red], [blue]]) == pytest.approx([alone.clean, alone.flawed])
    with_pictures = [[{"role": "user", "content": [{"type": "image", "image": red.copy()}]}] for _ in range(2)]
    assert reward(**{**calls, "prompts": with_pictures}) == pytest.approx(alone.together)


def test_verl_gets_a_number_and_what_it_is_made_of(alone):
    got = rewards.compute_score(
        data_source="chart/mini", solution_str=FLAWED, ground_truth=json.dumps(NEEDS), extra_info={"num_turns": 2}
    )
    assert got["score"] == pytest.approx(alone.flawed) and (got["unscored"], got["legend"]) == (0.0, 0.0)
    got = rewards.compute_score(data_source="chart", solution_str=ENDLESS, ground_truth="", reward_router_address=None)
    assert (got["score"], got["unscored"]) == (0.0, 1.0)
    page = "<!doctype html><html><body><h1>Title</h1></body></html>"
    assert rewards.compute_score("web", page, None)["executed"] == 1.0


def test_easyr1_gets_a_list(alone):
    given = [{"response": code, "response_length": 9, "ground_truth": json.dumps(NEEDS)} for code in (CLEAN, FLAWED)]
    # As EasyR1 does: the file is loaded by its path, outside its package.
    spec = importlib.util.spec_from_file_location("custom_reward_fn", rewards.__file__)
    module = importlib.util.module_from_spec(spec)
    sys.modules["custom_reward_fn"] = module
    spec.loader.exec_module(module)
    try:
        got = module.compute_scores([*given, {"response": ENDLESS, "response_length": 3, "ground_truth": ""}])
        assert [said["overall"] for said in got] == pytest.approx([alone.clean, alone.flawed, 0.0])
        assert [said["unscored"] for said in got] == [0.0, 0.0, 1.0]
        assert all(isinstance(value, float) for said in got for value in said.values())
    finally:
        for pool in module._pools.values():
            pool.close()
        del sys.modules["custom_reward_fn"]


@pytest.fixture
def orms(monkeypatch):
    """ms-swift's table of reward functions: its own where it is installed."""
    try:
        from swift.rewards import orms
    except ImportError:

        class ORM:
            def __init__(self, args=None, **kwargs):
                self.args = args

        orms = {}
        monkeypatch.setitem(sys.modules, "swift", types.ModuleType("swift"))
        monkeypatch.setitem(sys.modules, "swift.rewards", types.SimpleNamespace(ORM=ORM, orms=orms))
    yield orms
    orms.pop("visual_sdpo", None)


def test_ms_swift_finds_the_reward_by_its_name(orms, alone):
    path = ROOT / "examples" / "engines" / "ms_swift_plugin.py"
    spec = importlib.util.spec_from_file_location("_swift_external", path)
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    reward = orms["visual_sdpo"](args=None)
    page = "<!doctype html><html><body><h1>Title</h1></body></html>"
    got = reward(
        [CLEAN, page, FLAWED, FLAWED, CLEAN, ENDLESS],
        prompt_id=["a", "b", "a", "c", "d", "d"],
        is_truncated=[False, False, False, False, True, False],
        domain=["chart", "web", "chart", None, "chart", "chart"],
        requirements=[NEEDS, None, NEEDS, json.dumps(NEEDS), None, None],
        trainer_state=None,
        messages=[[]] * 6,
    )
    # "a" is a group over a row of another domain, "c" is alone, "d" met the limit or never ended.
    assert [got[0], got[2], got[3]] == pytest.approx([*alone.together, alone.flawed])
    assert got[1] == rewards.score(page, "web")["score"] and got[4:] == [0.0, None]
    assert reward([FLAWED], requirements=[NEEDS]) == pytest.approx([alone.flawed])
