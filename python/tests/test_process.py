"""Threads and processes that share a pool."""

import os
import subprocess
import sys
import textwrap
import threading
import time

from visual_sdpo import RenderPool, Task, diagnose


def test_64_threads_get_each_its_own_result(pool):
    """Every script has its own size, so that a lost or swapped result shows."""
    task, wrong, got = Task("Draw.", "chart"), [], []

    def draw(i):
        for round_ in range(3):
            width, height = 20 + i, 20 + round_
            outcome = pool.render(
                f"import matplotlib.pyplot as plt\nplt.figure(figsize=({width} / 10, {height} / 10), dpi=10)"
            )
            found = (outcome.pages[0].shape, diagnose(task, outcome).executed)
            if found != ((height, width, 4), True):
                wrong.append((i, round_, found))
            got.append(i)

    threads = [threading.Thread(target=draw, args=(i,)) for i in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == [] and len(got) == 64 * 3


def test_the_interpreter_runs_on_while_a_pool_works():
    """The lock is free during a render: this thread counts while another waits for a script."""
    with RenderPool("chart", workers=1) as pool:
        script = "import time\ntime.sleep(1)\nimport matplotlib.pyplot as plt\nplt.figure()"
        waiting = threading.Thread(target=pool.render, args=(script,))
        waiting.start()
        ticks = 0
        while waiting.is_alive():
            time.sleep(0.01)
            ticks += 1
        assert ticks > 20


def in_child(function):
    """The exit status of a forked child that runs `function` and leaves without cleaning up."""
    child = os.fork()
    if child == 0:
        status = 99
        try:
            status = function()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def refused(call):
    """0 if the call raises the error of a forked process."""
    try:
        call()
    except RuntimeError as error:
        return 0 if "os.fork()" in str(error) and "; help: " in str(error) else 1
    return 2


def test_a_forked_child_is_refused_and_cannot_hurt_its_parent():
    pool = RenderPool("chart", workers=1)
    code = "import matplotlib.pyplot as plt\nplt.figure()"
    assert pool.render(code).executed

    for call in [lambda: pool.render(code), lambda: pool.render_all([code]), pool.identity, pool.stats, pool.close]:
        assert in_child(lambda call=call: refused(call)) == 0

    def drop():
        nonlocal pool
        del pool
        return 0

    assert in_child(drop) == 0
    assert pool.render(code + "\n").executed
    assert pool.stats()["restarts"] == 0
    pool.close()


def test_a_forked_child_may_open_a_pool_of_its_own(pool):
    code = "import matplotlib.pyplot as plt\nplt.figure()"
    assert pool.render(code).executed

    def own():
        with RenderPool("chart", workers=1) as mine:
            return 0 if mine.render(code).executed else 1

    assert in_child(own) == 0


def test_ctrl_c_ends_a_call_at_once():
    script = """
        import os, signal, threading, time
        from visual_sdpo import RenderPool
        pool = RenderPool("chart", workers=1, timeout_s=60)
        # A shell that starts this in the background has the signal ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        threading.Timer(1, os.kill, (os.getpid(), signal.SIGINT)).start()
        start = time.monotonic()
        try:
            pool.render("while True: pass")
        except KeyboardInterrupt:
            print("interrupted", time.monotonic() - start < 10)
        os._exit(0)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout == "interrupted True\n", done.stderr
