"""Fork server of the chart renderer: imports the plotting libraries once, then forks one child per script.

The supervisor (Rust, `crates/render`) starts this file with one SOCK_SEQPACKET socket as standard input.
First packet: the policy (JSON). Answer: what was set up. Then one packet per job, with five descriptors
(source, result, output pipe, landlock rules), answered by the child's pidfd and, at its end, its status.

Every decision lies with the supervisor. This file only makes the system calls: what is allowed comes as
numbers and ready-made rules. It runs no untrusted code itself; the forked child does, after the sandbox
is closed, and whatever the child reports is a claim that the supervisor checks.
"""

import array
import ctypes
import gc
import importlib
import importlib.metadata
import json
import mmap
import os
import resource
import select
import signal
import socket
import struct
import sys
import sysconfig

SYS_LANDLOCK_RESTRICT_SELF = 446  # the same number on every architecture
PR_SET_PDEATHSIG, PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 1, 22, 38
CLONE_NEWUSER, CLONE_NEWIPC, CLONE_NEWNET = 0x10000000, 0x8000000, 0x40000000
MS_RDONLY, MS_NOEXEC, MS_REMOUNT, MS_BIND = 1, 8, 0x20, 0x1000
MS_REC, MS_PRIVATE, MNT_DETACH = 0x4000, 0x40000, 2
SANDBOX_FAILED = 97  # exit status of a child that could not close its sandbox
RESERVE = 160 << 20  # address space kept back from the script, to report with when it has used up its own
HEADER = struct.Struct("<8sIIIIQQ")  # magic, version, status, width, height, bytes of records, bytes of pixels
MAGIC, RECORDS_MAGIC, DECK_MAGIC = b"VSDPOFRM", b"VSDPOREC", b"VSDPODEC"

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from vsdpo_kernel import CLONE_NEWNS, MS_NODEV, MS_NOSUID, check, libc  # noqa: E402

set_rlimit, leave = resource.setrlimit, os._exit  # a script may replace the modules' own


class SockFprog(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


class Policy:
    """The supervisor's orders, with everything prepared that a child would otherwise build again."""

    def __init__(self, orders):
        self.full, self.warm_up = orders["full"], orders["warm_up"]
        self.uid = orders["uid"]
        self.landlock = orders["landlock"]
        self.rlimits = [tuple(limit) for limit in orders["rlimits"]]
        self.memory = orders["memory"]
        self.scratch = orders["scratch"]
        self.tmpfs = orders["tmpfs"]
        self.records_at, self.records_max = orders["records_at"], orders["records_max"]
        self.frame_at, self.frame_max = orders["frame_at"], orders["frame_max"]
        code = bytes.fromhex(orders["seccomp"])
        self.code = ctypes.create_string_buffer(code, len(code))
        self.seccomp = SockFprog(len(code) // 8, ctypes.addressof(self.code)) if code else None
        # Looked up here: the first look-up of a C function costs a child a quarter of a millisecond.
        self.calls = libc.capset, libc.prctl, libc.syscall
        self.user = None  # the user's environment, if scripts run in it
        self.no_caps = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()


def isolate(policy, uid, gid):
    """Leaves the network and the visible mounts of the machine. Returns what was reached, by name."""
    done = {"netns": False, "tmpfs": False}
    spaces = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC
    if libc.unshare(spaces) != 0:
        if libc.unshare(spaces | CLONE_NEWUSER) != 0:
            return done
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    done["netns"] = True
    if libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        return done
    try:
        lock_folder(os.path.dirname(os.path.dirname(policy.scratch[0])))
        for slot in range(len(policy.scratch)):
            mount_scratch(policy, slot)
        done["tmpfs"] = True
    except OSError:
        pass
    return done


def lock_folder(path):
    """Makes the folder of all slots read-only. The landlock rule of a slot cannot name the file system that
    is mounted inside it, only the folder around it; nothing may be written there, outside the size limit."""
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY | MS_REMOUNT | MS_BIND
    check(libc.mount(path.encode(), path.encode(), None, MS_BIND, None), "bind")
    check(libc.mount(None, path.encode(), None, ctypes.c_ulong(flags), None), "remount")


def mount_scratch(policy, slot):
    """Puts an empty, size-limited file system on a slot's scratch folder."""
    flags = MS_NOSUID | MS_NODEV | MS_NOEXEC
    path = policy.scratch[slot].encode()
    check(libc.mount(b"tmpfs", path, b"tmpfs", ctypes.c_ulong(flags), policy.tmpfs.encode()), "mount")


def renew_scratch(policy, slot):
    """Drops whatever the last job left in its scratch folder."""
    path = policy.scratch[slot]
    if os.listdir(path):
        check(libc.umount2(path.encode(), MNT_DETACH), "umount")
        mount_scratch(policy, slot)


def can_drop(uid, paths):
    """Whether the interpreter and its libraries stay readable under another user id: tried, not guessed."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            drop_uid(uid)
            for path in paths:
                os.listdir(path)
            open(sys.executable, "rb").close()
            status = 0
        except BaseException:
            pass
        os._exit(status)
    return os.waitpid(pid, 0)[1] == 0


def drop_uid(uid):
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def library_paths(more=()):
    """Folders that Python and its packages are read from."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    paths = {sysconfig.get_path(name) for name in names}
    paths.add(sysconfig.get_config_var("LIBDIR") or "")
    paths.update(more)
    real = {os.path.realpath(path) for path in paths if isinstance(path, str) and os.path.exists(path)}
    return sorted(real - {"/"})


def versions(names):
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def close_sandbox(policy, slot, rules, parent):
    """Gives up every right that the script does not need. Order matters: each step may forbid an earlier one."""
    for limit, soft, hard in policy.rlimits:
        set_rlimit(limit, (soft, hard))
    space = policy.address_space
    set_rlimit(resource.RLIMIT_AS, (space, space + RESERVE))
    if policy.uid is not None:
        drop_uid(policy.uid + slot)
    check(libc.capset(*policy.no_caps), "capset")
    check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "parent death signal")
    if os.getppid() != parent:
        leave(SANDBOX_FAILED)
    check(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")
    if policy.landlock:
        check(libc.syscall(SYS_LANDLOCK_RESTRICT_SELF, rules, 0), "landlock")
    os.close(rules)
    if policy.seccomp is not None:
        check(libc.prctl(PR_SET_SECCOMP, 2, ctypes.byref(policy.seccomp), 0, 0), "seccomp")


def close_all_but(*keep):
    """Closes every descriptor above the standard three, these excepted."""
    low = 3
    for fd in sorted(keep):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, 1 << 20)


def child(policy, request, fds, parent):
    """Runs one job in the forked process; never returns, whatever the script has left in the way."""
    status = SANDBOX_FAILED
    try:
        source_fd, result_fd, output_fd, rules = fds
        source = os.pread(source_fd, request["size"], 0)
        os.chdir(policy.scratch[request["slot"]])
        if policy.user is not None:
            policy.user.enter(policy, request, rules)
        os.dup2(output_fd, 1)
        os.dup2(output_fd, 2)
        close_all_but(result_fd, rules)
        close_sandbox(policy, request["slot"], rules, parent)
        status = 0
        result = outcome(source, request["options"])
        set_rlimit(resource.RLIMIT_AS, (policy.address_space + RESERVE,) * 2)
        write_result(policy, result_fd, result)
    except BaseException as error:
        # After the sandbox is closed: no result, which is an answer as well.
        if status == SANDBOX_FAILED:
            os.write(2, f"sandbox: {error}\n".encode())
    finally:
        leave(status)


def outcome(source, options):
    """The result of the script. An error that the runner let pass is the script's doing, too."""
    try:
        result = runner.run(source, options)
        sys.stdout.flush()
        return result
    except MemoryError:
        return {"status": "error", "kind": "memory", "message": "MemoryError: the memory limit was met"}
    except BaseException as error:
        return {"status": "error", "kind": "exception", "message": type(error).__name__}


def write_result(policy, fd, result):
    """Puts a job's result into the shared buffer; the header goes last, so a torn result is no result."""
    magic, state, pixels = MAGIC, (0, 0, 0), b""
    if result["status"] == "records":
        magic, body = RECORDS_MAGIC, result["records"]
    elif result["status"] == "deck":
        # A file in place of pixels.
        magic, body, pixels = DECK_MAGIC, result["records"], result["deck"]
    elif result["status"] == "ok":
        frames = result["frames"]
        sizes = [frame[:2] for frame in frames]
        body = {"pages": sizes, "elements": result["elements"], "notes": result["notes"]}
        state, pixels = (0, *sizes[0]), b"".join(frame[2] for frame in frames) if len(frames) > 1 else frames[0][2]
    else:
        keys = ("kind", "message", "traceback", "span", "facts")
        body, state = {key: result[key] for key in keys if result.get(key) is not None}, (1, 0, 0)
    records = encode(body)
    if result["status"] != "error" and (len(records) > policy.records_max or len(pixels) > policy.frame_max):
        message = f"result too large: {len(records)} bytes of records, {len(pixels)} bytes of pixels"
        return write_result(policy, fd, {"status": "error", "kind": "limit", "message": message})
    with mmap.mmap(fd, policy.frame_at + len(pixels)) as buffer:
        if pixels:
            buffer[policy.frame_at : policy.frame_at + len(pixels)] = pixels
        buffer[policy.records_at : policy.records_at + len(records)] = records
        buffer[: HEADER.size] = HEADER.pack(magic, 1, *state, len(records), len(pixels))


def encode(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def send(sock, message, fds=()):
    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
    sock.sendmsg([encode(message)], control)


def receive(sock):
    """One packet and its descriptors; None at the end."""
    space = socket.CMSG_SPACE(4 * array.array("i").itemsize)
    data, control, _, _ = sock.recvmsg(1 << 17, space, socket.MSG_CMSG_CLOEXEC)
    fds = array.array("i")
    for _, _, payload in control:
        fds.frombytes(payload)
    return (json.loads(data), list(fds)) if data else None


def start_job(sock, policy, request, fds, running):
    parent = os.getpid()
    if policy.user is not None:
        policy.user.look_at(request["folder"], lambda folder: can_drop(policy.uid, [folder]))
    pid = os.fork()
    if pid == 0:
        child(policy, request, fds, parent)
    pidfd = os.pidfd_open(pid)
    for fd in fds:
        os.close(fd)
    running[pidfd] = (pid, request)
    send(sock, {"job": request["job"], "started": pid}, [pidfd])


def end_job(sock, policy, pidfd, running):
    pid, request = running.pop(pidfd)
    os.close(pidfd)
    _, status, usage = os.wait4(pid, 0)
    if policy.tmpfs:
        renew_scratch(policy, request["slot"])
    cpu = usage.ru_utime + usage.ru_stime
    send(sock, {"job": request["job"], "ended": status, "cpu": cpu, "peak_kb": usage.ru_maxrss})


def serve(sock, policy):
    """The loop: jobs in, ends out, until the supervisor hangs up."""
    running = {}
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    try:
        while True:
            for fd, _ in poll.poll():
                if fd in running:
                    poll.unregister(fd)
                    end_job(sock, policy, fd, running)
                elif fd == sock.fileno():
                    packet = receive(sock)
                    if packet is None:
                        return
                    before = set(running)
                    start_job(sock, policy, *packet, running)
                    for pidfd in running.keys() - before:
                        poll.register(pidfd, select.POLLIN)
    finally:
        for pid, _ in running.values():
            os.kill(pid, signal.SIGKILL)


def take_socket():
    """Moves the socket away from descriptor 0 to one that children close."""
    sock = socket.socket(fileno=os.dup(0))
    os.set_inheritable(sock.fileno(), False)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return sock


def go_first():
    """When the machine runs out of memory, the kernel shall end scripts, not the training."""
    try:
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("900")
    except OSError:
        pass  # a second line of defence: memory is limited without it


def address_space():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * mmap.PAGESIZE


def load_runner(policy, name):
    """Imports the probe, or the recorder of a benchmark; says why this interpreter cannot."""
    global runner
    if sys.version_info < (3, 9):
        return f"Python {sys.version.split()[0]} is too old: 3.9 to 3.13 are supported"
    try:
        runner = importlib.import_module(name)
    except ModuleNotFoundError as error:
        return f"it has no module `{error.name}`, which it needs here"
    runner.prepare(policy.full, policy.warm_up)
    return None


def main():
    sock = take_socket()
    orders, _ = receive(sock)
    policy = Policy(orders)
    go_first()
    layers = isolate(policy, os.getuid(), os.getgid())
    if not layers["tmpfs"]:
        policy.tmpfs = ""
    if orders["user"] is not None:
        policy.user = importlib.import_module("vsdpo_user").User(orders["user"])
    heap = importlib.import_module("vsdpo_heap")
    refused = load_runner(policy, orders["runner"])
    if refused:
        return send(sock, {"refused": refused})
    paths = library_paths(policy.user.places(runner) if policy.user else ())
    if policy.uid is not None and not can_drop(policy.uid, paths):
        policy.uid = None
    layers["uid"] = policy.uid is not None
    if policy.warm_up:
        gc.collect()
        policy.taken = heap.fill_gaps()
        heap.use_huge_pages()
    policy.address_space = address_space() + policy.memory
    os.environ.clear()
    gc.freeze()
    # A figure is a web of young cycles that live as long as it does: looking through it after every 700
    # objects, as is the default, costs a figure with panels an eighth of its time and frees nothing.
    gc.set_threshold(20_000)
    facts = {"python": sys.version.split()[0], "paths": paths, "versions": versions(orders["packages"])}
    # Python 3.9 does not know the names, which only choose between two servers.
    facts["modules"] = sorted(getattr(sys, "stdlib_module_names", ()))
    send(sock, {"ready": {**facts, **layers}})
    serve(sock, policy)


if __name__ == "__main__":
    main()
