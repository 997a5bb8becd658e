//! Other processes: starting them, signalling them, looking into them, outliving the job.

use crate::list::{Attack, Layer::*, Sees::*, native};

pub fn attacks() -> Vec<Attack> {
    let mut attacks = starting();
    attacks.extend(reaching());
    attacks
}

fn starting() -> Vec<Attack> {
    let denied = |name, body: &str| Attack::new(name, Seccomp, NotPermitted, body);
    let raw = |name, body: String| Attack::new(name, Seccomp, NotPermitted, native(&body));
    vec![
        denied("a fork bomb", "import os\nwhile True: os.fork()"),
        denied("a program", "import subprocess\nsubprocess.run(['/bin/true'])"),
        denied("a program by posix_spawn", "import os\nos.posix_spawn('/bin/true', ['true'], {})"),
        denied("another program in one's place", "import os\nos.execv('/bin/true', ['true'])"),
        denied(
            "a library preloaded into another program",
            "import os\nos.environ['LD_PRELOAD'] = '/lib/x86_64-linux-gnu/libc.so.6'\nos.execve('/bin/true', ['true'], os.environ)",
        ),
        denied(
            "a worker process",
            "import multiprocessing as m\nm.get_context('fork').Process(target=print).start()",
        ),
        denied("a daemon in a session of its own", "import os\nos.setsid()"),
        raw("a process by the raw call", format!("call({}, 17, 0, 0, 0, 0)", libc::SYS_clone)),
        raw(
            "a thread in a user namespace",
            format!(
                "call({}, {}, 0, 0, 0, 0)",
                libc::SYS_clone,
                libc::CLONE_THREAD | libc::CLONE_SIGHAND | libc::CLONE_VM | libc::CLONE_NEWUSER
            ),
        ),
        Attack::new(
            "a process by the newest call",
            Seccomp,
            Raises("Function not implemented"),
            native(&format!(
                "args = (ctypes.c_uint64 * 11)(0, 0, 0, 0, 17)\ncall({}, args, 88)",
                libc::SYS_clone3
            )),
        ),
    ]
}

fn reaching() -> Vec<Attack> {
    let denied =
        |name, body: &str| Attack::new(name, Seccomp, NotPermitted, format!("import os, signal\n{body}"));
    let raw = |name, body: String| Attack::new(name, Seccomp, NotPermitted, native(&body));
    let supervisor = std::process::id();
    vec![
        denied("kill the fork server", "os.kill(os.getppid(), 9)"),
        denied("kill the supervisor", &format!("os.kill({supervisor}, 9)")),
        denied("kill everybody", "os.kill(-1, 9)"),
        denied(
            "kill the jobs of the other slots",
            "for pid in range(os.getppid() + 1, os.getpid() + 50): os.kill(pid, 9)",
        ),
        denied("stop the process group", "os.killpg(0, signal.SIGSTOP)"),
        denied("a handle of the supervisor", &format!("os.pidfd_open({supervisor})")),
        raw(
            "a queued signal to the fork server",
            format!("call({}, os.getppid(), 9, (ctypes.c_char * 128)())", libc::SYS_rt_sigqueueinfo),
        ),
        raw(
            "a signal to a thread of the supervisor",
            format!("call({}, {supervisor}, {supervisor}, 9)", libc::SYS_tgkill),
        ),
        raw("the supervisor's descriptors", format!("call({}, 3, 3, 0)", libc::SYS_pidfd_getfd)),
        raw("trace the fork server", format!("call({}, 16, os.getppid(), 0, 0)", libc::SYS_ptrace)),
        raw(
            "read the fork server's memory",
            format!("call({}, os.getppid(), 0, 0, 0, 0, 0)", libc::SYS_process_vm_readv),
        ),
        raw(
            "write the supervisor's memory",
            format!("call({}, {supervisor}, 0, 0, 0, 0, 0)", libc::SYS_process_vm_writev),
        ),
        raw(
            "addresses in the fork server by its lock list",
            format!(
                "call({}, os.getppid(), ctypes.byref(ctypes.c_long()), ctypes.byref(ctypes.c_long()))",
                libc::SYS_get_robust_list
            ),
        ),
        denied(
            "limits of the fork server",
            "import resource as r\nr.prlimit(os.getppid(), r.RLIMIT_CPU, (1, 1))",
        ),
        raw("outlive the fork server", format!("call({}, 1, 0, 0, 0, 0)", libc::SYS_prctl)),
        raw("become traceable again", format!("call({}, 4, 1, 0, 0, 0)", libc::SYS_prctl)),
        denied("become root", "os.setresuid(0, 0, 0)"),
        raw(
            "take back capabilities",
            format!(
                "call({}, (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)(*[0xffffffff] * 6))",
                libc::SYS_capset
            ),
        ),
        denied("go before all others", "os.setpriority(os.PRIO_PROCESS, 0, -20)"),
        denied("run as a real-time process", "os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))"),
        denied("pin the fork server to one core", "os.sched_setaffinity(os.getppid(), {0})"),
    ]
}
