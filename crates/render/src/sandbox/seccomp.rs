//! Which system calls a script may make: a list of those that plotting needs, and nothing else.
//!
//! A call outside the list fails with EPERM, so that Python raises and the script's author (or the
//! model) sees why. Calls of another architecture kill the process. Calls that change a file's
//! mode, owner or times are not on the list although harmless in themselves: landlock does not see
//! them. Nor are file locks: they reach other processes, and a million of them fill the kernel's
//! memory uncounted.

use crate::config::RenderError;
use libc::{EPERM, c_long};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen as Len, SeccompCmpOp as Op, SeccompCondition, SeccompFilter,
    SeccompRule, sock_filter,
};
use std::collections::{BTreeMap, BTreeSet};

/// Allowed whatever the arguments are.
#[rustfmt::skip]
const ALLOWED: &[c_long] = &[
    // Files. Which of them is landlock's business.
    libc::SYS_read, libc::SYS_write, libc::SYS_readv, libc::SYS_writev, libc::SYS_pread64,
    libc::SYS_pwrite64, libc::SYS_lseek, libc::SYS_close, libc::SYS_close_range, libc::SYS_fstat,
    libc::SYS_newfstatat, libc::SYS_statx, libc::SYS_statfs, libc::SYS_fstatfs, libc::SYS_faccessat,
    libc::SYS_faccessat2, libc::SYS_readlinkat, libc::SYS_getdents64, libc::SYS_getcwd, libc::SYS_chdir,
    libc::SYS_fchdir, libc::SYS_dup, libc::SYS_dup3, libc::SYS_fsync, libc::SYS_fdatasync,
    libc::SYS_ftruncate, libc::SYS_fallocate, libc::SYS_fadvise64,
    libc::SYS_mkdirat, libc::SYS_unlinkat, libc::SYS_renameat2, libc::SYS_umask, libc::SYS_sendfile,
    libc::SYS_copy_file_range, libc::SYS_pipe2, libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl, libc::SYS_epoll_pwait, libc::SYS_eventfd2,
    // Memory and threads.
    libc::SYS_mmap, libc::SYS_munmap, libc::SYS_mprotect, libc::SYS_mremap, libc::SYS_madvise, libc::SYS_brk,
    libc::SYS_msync, libc::SYS_membarrier, libc::SYS_rseq, libc::SYS_futex,
    libc::SYS_set_robust_list, libc::SYS_set_tid_address, libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity, libc::SYS_sched_getparam, libc::SYS_sched_getscheduler, libc::SYS_getcpu,
    libc::SYS_exit, libc::SYS_exit_group, libc::SYS_wait4, libc::SYS_waitid,
    // Signals to oneself by timers and faults; sending any is not allowed.
    libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn, libc::SYS_sigaltstack,
    libc::SYS_rt_sigpending, libc::SYS_rt_sigtimedwait, libc::SYS_rt_sigsuspend, libc::SYS_restart_syscall,
    libc::SYS_setitimer, libc::SYS_getitimer,
    // Time and facts about oneself.
    libc::SYS_nanosleep, libc::SYS_clock_nanosleep, libc::SYS_clock_gettime, libc::SYS_clock_getres,
    libc::SYS_gettimeofday, libc::SYS_times, libc::SYS_getrusage, libc::SYS_sysinfo, libc::SYS_uname,
    libc::SYS_getpid, libc::SYS_gettid, libc::SYS_getppid, libc::SYS_getuid, libc::SYS_geteuid,
    libc::SYS_getgid, libc::SYS_getegid, libc::SYS_getgroups, libc::SYS_getpgid, libc::SYS_getsid,
    libc::SYS_getpriority, libc::SYS_getrandom,
];

/// The old forms that only x86-64 has.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const ALLOWED_HERE: &[c_long] = &[
    libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_readlink, libc::SYS_getdents,
    libc::SYS_dup2, libc::SYS_mkdir, libc::SYS_rmdir, libc::SYS_unlink, libc::SYS_rename, libc::SYS_renameat,
    libc::SYS_pipe, libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_create, libc::SYS_epoll_wait,
    libc::SYS_eventfd, libc::SYS_time, libc::SYS_getpgrp, libc::SYS_getrlimit, libc::SYS_alarm,
    libc::SYS_pause, libc::SYS_arch_prctl,
];

/// The old forms that this architecture has.
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[c_long] = &[];

/// Allowed when one argument has one of these values, or (`MaskedEq`) these values in these bits. A
/// call may stand here several times.
fn conditional() -> Vec<(c_long, u8, Op, Vec<u64>)> {
    let bits = |flags: libc::c_int| flags as u64;
    let spaces = libc::CLONE_NEWUSER | libc::CLONE_NEWPID | libc::CLONE_NEWNET | libc::CLONE_NEWNS;
    let spaces = spaces | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS | libc::CLONE_NEWCGROUP;
    let terminal = [libc::TCGETS, libc::FIOCLEX, libc::FIONCLEX, libc::FIONREAD, libc::TIOCGWINSZ];
    let names = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA];
    let copies = [libc::F_DUPFD, libc::F_DUPFD_CLOEXEC, libc::F_GETFD, libc::F_SETFD];
    let status = [libc::F_GETFL, libc::F_SETFL];
    let mut rules = vec![
        // Threads, but no processes and no namespaces.
        (libc::SYS_clone, 0, Op::MaskedEq(bits(libc::CLONE_THREAD | spaces)), vec![bits(libc::CLONE_THREAD)]),
        (libc::SYS_ioctl, 1, Op::Eq, terminal.to_vec()),
        (libc::SYS_prctl, 0, Op::Eq, names.map(|c| c as u64).to_vec()),
        // One's own limits only.
        (libc::SYS_prlimit64, 0, Op::Eq, vec![0]),
        // No locks, no leases, no owner who gets signals, no larger pipes.
        (libc::SYS_fcntl, 1, Op::Eq, copies.into_iter().chain(status).map(bits).collect()),
    ];
    for (call, flags) in OPEN {
        // Before its version 3, landlock lets a file be emptied by whoever opens it to read.
        rules.push((*call, *flags, Op::MaskedEq(bits(libc::O_TRUNC)), vec![0]));
        let write = [libc::O_WRONLY, libc::O_RDWR].map(bits);
        rules.push((*call, *flags, Op::MaskedEq(bits(libc::O_ACCMODE)), write.to_vec()));
    }
    rules
}

/// The calls that open files, and which argument holds the flags.
const OPEN: &[(c_long, u8)] = &[
    (libc::SYS_openat, 2),
    #[cfg(target_arch = "x86_64")]
    (libc::SYS_open, 1),
];

/// Who is filtered.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Caller {
    /// A process that runs one script and leaves its result in a buffer.
    Script,
    /// An office, which gets deck after deck over a socket that it was born with.
    Office,
}

impl Caller {
    fn calls(self) -> &'static [c_long] {
        match self {
            Caller::Script => &[],
            // Neither makes a socket, and no other one can come in.
            Caller::Office => &[libc::SYS_recvmsg, libc::SYS_sendmsg],
        }
    }
}

/// The filter as the bytes that the kernel takes, in hexadecimal; 8 bytes an instruction.
pub(crate) fn program_hex(caller: Caller) -> Result<String, RenderError> {
    let failed = |e: seccompiler::BackendError| RenderError::Sandbox { message: format!("seccomp: {e}") };
    let mut hex = String::new();
    for f in program(caller).map_err(failed)? {
        let bytes = [f.code.to_ne_bytes().as_slice(), &[f.jt, f.jf], &f.k.to_ne_bytes()].concat();
        hex.extend(bytes.iter().map(|b| format!("{b:02x}")));
    }
    Ok(hex)
}

fn program(caller: Caller) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for (call, argument, op, values) in conditional() {
        let rule = |&value: &u64| {
            SeccompRule::new(vec![SeccompCondition::new(argument, Len::Dword, op.clone(), value)?])
        };
        let alternatives = values.iter().map(rule).collect::<Result<Vec<_>, _>>()?;
        rules.entry(call).or_default().extend(alternatives);
    }
    let arch = std::env::consts::ARCH.try_into()?;
    let deny = SeccompAction::Errno(EPERM as u32);
    let filter: BpfProgram = SeccompFilter::new(rules, deny, SeccompAction::Allow, arch)?.try_into()?;
    // The compiled filter begins by checking the architecture: load it, compare, kill. That part
    // goes first, then our own, then the whole filter; jumps are relative, so each part works where
    // it stands.
    let architecture = filter[..3].to_vec();
    Ok(architecture.into_iter().chain(plain_calls(caller)).chain(filter).collect())
}

/// The calls that are decided by their number alone, as ranges: a quarter of the
/// instructions that a rule per call takes, and the kernel walks them all when it installs a
/// filter.
///
/// clone3 keeps its arguments in memory, which no filter can read, so it is answered with ENOSYS
/// and the C library falls back to clone.
fn plain_calls(caller: Caller) -> Vec<sock_filter> {
    let step = |code: u32, jt, jf, k| sock_filter { code: code as u16, jt, jf, k };
    let (at_least, above) =
        (libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K);
    let mut steps = vec![
        step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, libc::SYS_clone3 as u32),
        step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32),
    ];
    for (first, last) in ranges(caller) {
        steps.push(step(at_least, 0, 2, first));
        steps.push(step(above, 1, 0, last));
        steps.push(step(libc::BPF_RET | libc::BPF_K, 0, 0, libc::SECCOMP_RET_ALLOW));
    }
    steps
}

/// The plainly allowed numbers as closed ranges.
fn ranges(caller: Caller) -> Vec<(u32, u32)> {
    let calls: BTreeSet<u32> =
        ALLOWED.iter().chain(ALLOWED_HERE).chain(caller.calls()).map(|&call| call as u32).collect();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for call in calls {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == call => *last = call,
            _ => ranges.push((call, call)),
        }
    }
    ranges
}

/// Whether the kernel can filter system calls.
pub(crate) fn available() -> bool {
    let action: u32 = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the kernel reads four bytes at `action`, which outlives the call, and changes
    // nothing.
    let answer = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, std::ptr::from_ref(&action))
    };
    answer == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Interprets the filter for one call, as the kernel would.
    fn action(program: &[sock_filter], arch: u32, call: c_long, args: [u64; 6]) -> u32 {
        let mut data = Vec::new();
        data.extend((call as u32).to_ne_bytes());
        data.extend(arch.to_ne_bytes());
        data.extend(0u64.to_ne_bytes());
        args.iter().for_each(|a| data.extend(a.to_ne_bytes()));
        let (mut at, mut acc) = (0, 0);
        loop {
            let f = &program[at];
            let code = u32::from(f.code);
            let go = |yes: bool| usize::from(if yes { f.jt } else { f.jf });
            at += 1 + match code & 0xf7 {
                c if c == libc::BPF_LD | libc::BPF_W | libc::BPF_ABS => {
                    acc = u32::from_ne_bytes(data[f.k as usize..][..4].try_into().unwrap());
                    0
                }
                c if c == libc::BPF_RET | libc::BPF_K => return f.k,
                c if c == libc::BPF_JMP | libc::BPF_JA => f.k as usize,
                c if c == libc::BPF_JMP | libc::BPF_JEQ => go(acc == f.k),
                c if c == libc::BPF_JMP | libc::BPF_JGE => go(acc >= f.k),
                c if c == libc::BPF_JMP | libc::BPF_JGT => go(acc > f.k),
                c if c == libc::BPF_ALU | libc::BPF_AND => {
                    acc &= f.k;
                    0
                }
                other => panic!("instruction {other:#x}"),
            };
        }
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn the_filter_decides_as_listed() {
        for caller in [Caller::Script, Caller::Office] {
            decides_as_listed(caller);
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn decides_as_listed(caller: Caller) {
        let program = program(caller).unwrap();
        let native = 0xc000_003e;
        let (allow, deny) = (libc::SECCOMP_RET_ALLOW, libc::SECCOMP_RET_ERRNO | EPERM as u32);
        let check = |call, args, want| assert_eq!(action(&program, native, call, args), want, "call {call}");
        let plain: BTreeSet<c_long> =
            ALLOWED.iter().chain(ALLOWED_HERE).chain(caller.calls()).copied().collect();
        let checked: BTreeSet<c_long> = conditional().iter().map(|c| c.0).chain([libc::SYS_clone3]).collect();
        for call in 0..600 {
            if !checked.contains(&call) {
                check(call, [0; 6], if plain.contains(&call) { allow } else { deny });
            }
            // The same numbers in the x32 convention, and beyond.
            check(call | 0x4000_0000, [0; 6], deny);
            assert_eq!(action(&program, 0x4000_0003, call, [0; 6]), libc::SECCOMP_RET_KILL_PROCESS);
        }
        check(libc::SYS_clone3, [0; 6], libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32);
        check(libc::SYS_clone, [libc::SIGCHLD as u64, 0, 0, 0, 0, 0], deny);
        check(libc::SYS_clone, [libc::CLONE_THREAD as u64 | libc::CLONE_VM as u64, 0, 0, 0, 0, 0], allow);
        check(libc::SYS_ioctl, [0, libc::TIOCSTI, 0, 0, 0, 0], deny);
        check(libc::SYS_ioctl, [0, libc::TCGETS, 0, 0, 0, 0], allow);
        check(libc::SYS_prctl, [libc::PR_SET_DUMPABLE as u64, 0, 0, 0, 0, 0], deny);
        check(libc::SYS_prlimit64, [1, 0, 0, 0, 0, 0], deny);
        check(libc::SYS_prlimit64, [0; 6], allow);
        let namespaced = libc::CLONE_THREAD | libc::CLONE_VM | libc::CLONE_NEWUSER;
        check(libc::SYS_clone, [namespaced as u64, 0, 0, 0, 0, 0], deny);
        for (command, action) in
            [(libc::F_DUPFD_CLOEXEC, allow), (libc::F_SETFL, allow), (libc::F_SETLK, deny)]
        {
            check(libc::SYS_fcntl, [3, command as u64, 0, 0, 0, 0], action);
        }
        const SET_SIGNAL: libc::c_int = 10; // F_SETSIG, which the crate does not name
        for command in [libc::F_SETOWN, SET_SIGNAL, libc::F_SETLEASE, libc::F_NOTIFY, libc::F_SETPIPE_SZ] {
            check(libc::SYS_fcntl, [3, command as u64, 0, 0, 0, 0], deny);
        }
        let read = libc::O_RDONLY | libc::O_CLOEXEC;
        let write = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC;
        for (flags, action) in [(read, allow), (write, allow), (read | libc::O_TRUNC, deny)] {
            check(libc::SYS_openat, [0, 0, flags as u64, 0, 0, 0], action);
            check(libc::SYS_open, [0, flags as u64, 0, 0, 0, 0], action);
        }
    }

    #[test]
    fn no_call_that_reaches_outside_is_on_the_list() {
        let denied = [
            libc::SYS_socket,
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_kill,
            libc::SYS_tgkill,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_mount,
            libc::SYS_io_uring_setup,
            libc::SYS_memfd_create,
            libc::SYS_userfaultfd,
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_keyctl,
            libc::SYS_symlinkat,
            libc::SYS_linkat,
            libc::SYS_fchmodat,
            libc::SYS_fchownat,
            libc::SYS_utimensat,
            libc::SYS_setxattr,
            libc::SYS_pidfd_send_signal,
            libc::SYS_shmget,
            libc::SYS_clone3,
            libc::SYS_flock,
            libc::SYS_truncate,
            libc::SYS_mincore,
            libc::SYS_get_robust_list,
        ];
        for call in denied {
            assert!(!ALLOWED.contains(&call) && !ALLOWED_HERE.contains(&call), "{call}");
        }
        assert!(!conditional().iter().any(|c| denied.contains(&c.0)));
        for caller in [Caller::Script, Caller::Office] {
            assert!(!caller.calls().iter().any(|call| denied.contains(call)));
            let hex = program_hex(caller).unwrap();
            assert_eq!(hex.len() % 16, 0);
            assert!(hex.len() / 16 < 4096, "the kernel takes at most 4096 instructions");
        }
    }
}
