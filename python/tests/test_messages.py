"""Both contexts, word for word those of the trainer (crates/context/src/lib.rs has the same strings)."""

import io

import numpy as np
import pytest
from conftest import one_line
from PIL import Image

from visual_sdpo import Task, reference_messages, student_messages, teacher_messages

PICTURE = np.full((1, 2, 3), 9, np.uint8)
RENDER = "\n\nThe next picture is the render of a previous attempt and may contain defects:\n"
AGAIN = "Write a corrected solution."


def flat(messages):
    """The one turn as text, with <img> for pictures."""
    [message] = messages
    assert message["role"] == "user"
    parts = {"text": lambda part: part["text"], "image": lambda part: "<img>"}
    return "".join(parts[part["type"]](part) for part in message["content"])


def test_the_student_reads_pictures_then_text():
    messages = student_messages(Task("Draw a line.", "chart", images=[PICTURE]))
    assert flat(messages) == "<img>Draw a line."
    image = messages[0]["content"][0]["image"]
    assert (image.shape, image.dtype) == ((1, 2, 3), np.uint8) and (image == PICTURE).all()


def test_the_teacher_reads_the_same_and_the_render_and_the_rubric(pool, crowded):
    task = Task("Draw a line.", "chart", images=[PICTURE])
    outcome = pool.render(crowded)
    binary = '{"overlap":true,"legend":false,"clipping":true,"ticks":true,"contrast":true}'
    report = f"Report on the previous attempt:\n{binary}\n"
    messages = teacher_messages(task, outcome)
    assert flat(messages) == f"<img>Draw a line.{RENDER}<img>\n{report}{AGAIN}"
    assert (messages[0]["content"][2]["image"] == outcome.pages[0][:, :, :3]).all()
    assert flat(teacher_messages(task, outcome, channels=["image"])) == f"<img>Draw a line.{RENDER}<img>\n{AGAIN}"
    assert flat(teacher_messages(task, outcome, channels=["rubric"])) == f"<img>Draw a line.\n\n{report}{AGAIN}"
    assert flat(teacher_messages(task, outcome, channels=[])) == f"<img>Draw a line.\n{AGAIN}"


def test_the_rubric_has_three_levels_and_no_axis_without_weight(pool, crowded):
    task, outcome = Task("", "chart"), pool.render(crowded)
    only = {"channels": ["rubric"], "weights": {"legend": 1.0}}
    said = [flat(teacher_messages(task, outcome, rubric=level, **only)) for level in ["binary", "observed", "full"]]
    observed = "legend loc='upper right', covers 1 bar"
    reports = [
        '{"legend":false}',
        f'{{"legend":{{"ok":false,"observed":"{observed}"}}}}',
        f'{{"legend":{{"ok":false,"observed":"{observed}, free: \'upper center\'"}}}}',
    ]
    assert said == [f"\n\nReport on the previous attempt:\n{report}\n{AGAIN}" for report in reports]


def test_the_teacher_reads_the_error_whatever_the_channels(pool):
    task = Task("Draw a line.", "chart")
    outcome = pool.render("a = 1\nx")
    frames = outcome.traceback.rstrip()
    assert frames.endswith("\nNameError: name 'x' is not defined")
    want = f"Draw a line.\n\nA previous attempt failed with this error:\n{frames}\n{AGAIN}"
    assert flat(teacher_messages(task, outcome, channels=[])) == want
    assert flat(teacher_messages(task, outcome)) == want


def test_the_reference_is_shown_in_place_of_feedback():
    task = Task("Draw a line.", "chart", reference="plot()\n")
    assert flat(reference_messages(task)) == f"Draw a line.\n\nThis is a reference solution:\nplot()\n{AGAIN}"
    with pytest.raises(ValueError) as raised:
        reference_messages(Task("Draw a line.", "chart"))
    one_line(raised, "no reference")


def test_pictures_go_in_in_every_form_and_come_out_on_white():
    pillow = Image.fromarray(PICTURE)
    encoded = io.BytesIO()
    pillow.save(encoded, "PNG")
    task = Task("", "chart", images=[PICTURE, encoded.getvalue(), pillow])
    assert all((image[:, :, :3] == 9).all() and image.shape == (1, 2, 4) for image in task.images)
    # A colour at alpha 0 is white; 100 at half of it is 100 * 128/255 + 255 * 127/255, rounded.
    clear = np.array([[[1, 2, 3, 0], [100, 100, 100, 128]]], np.uint8)
    shown = student_messages(Task("", "chart", images=[clear]))[0]["content"][0]["image"]
    assert shown.tolist() == [[[255, 255, 255], [177, 177, 177]]]
    image = student_messages(task, pictures="pil")[0]["content"][0]["image"]
    assert isinstance(image, Image.Image) and image.mode == "RGB" and image.size == (2, 1)
