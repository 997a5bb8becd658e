"""Rendering, diagnosis, reward, teacher's messages and token weights for training models that write code for charts,
pages and slides.

    task = Task("Draw a bar chart of 3, 1, 2.", "chart")
    with RenderPool("chart") as pool:
        outcome = pool.render(extract_code(completion, "python")[0])
    reward(task, [outcome])                      # 0 to 1, or None for what cannot be scored
    teacher_messages(task, outcome)              # the prompt, the render and the rubric, or the error
    statement_weights(completion, outcome, offsets, task=task)   # float32 per token

What a caller can get wrong raises TypeError or ValueError, what the machine lacks raises RuntimeError, each with one
line that says what to do. docs/python.md of the repository has an example of every function.
"""

from visual_sdpo._core import (
    Diagnosis,
    Outcome,
    RenderPool,
    Task,
    __version__,
    axes,
    diagnose,
    extract_code,
    mini_tasks,
    reference_messages,
    reward,
    rules,
    score_aeslides,
    score_chartmimic,
    score_design2code,
    statement_weights,
    statements,
    student_messages,
    teacher_messages,
)
from visual_sdpo.figures import Finding, assert_clean, lint_figure

__all__ = [
    "Diagnosis",
    "Finding",
    "Outcome",
    "RenderPool",
    "Task",
    "__version__",
    "assert_clean",
    "axes",
    "diagnose",
    "extract_code",
    "lint_figure",
    "mini_tasks",
    "reference_messages",
    "reward",
    "rules",
    "score_aeslides",
    "score_chartmimic",
    "score_design2code",
    "statement_weights",
    "statements",
    "student_messages",
    "teacher_messages",
]
