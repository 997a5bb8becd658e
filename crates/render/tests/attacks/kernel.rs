//! Back doors of the kernel, and the network.

use crate::list::{Attack, Layer::*, Sees::*, native};
use vsdpo_artifact::FailureKind;

pub fn attacks() -> Vec<Attack> {
    let mut attacks = network();
    attacks.extend(calls());
    attacks.extend(arguments());
    attacks
}

fn network() -> Vec<Attack> {
    let denied =
        |name, body: &str| Attack::new(name, Seccomp, NotPermitted, format!("import socket as s\n{body}"));
    vec![
        denied("a connection", "s.create_connection(('127.0.0.1', 80))"),
        denied("a datagram", "s.socket(s.AF_INET, s.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 53))"),
        denied("a name server", "s.socket(s.AF_INET6, s.SOCK_STREAM)"),
        denied("a socket of the machine", "s.socket(s.AF_UNIX).connect('/run/dbus/system_bus_socket')"),
        denied("a socket without a file", "s.socket(s.AF_UNIX).connect('\\0x')"),
        denied("a pair of sockets, to pass descriptors", "s.socketpair()"),
        denied("the kernel's own sockets", "s.socket(s.AF_NETLINK, s.SOCK_RAW)"),
        denied("the host of a virtual machine", "s.socket(s.AF_VSOCK, s.SOCK_STREAM)"),
        denied("raw packets", "s.socket(s.AF_PACKET, s.SOCK_RAW)"),
    ]
}

/// Every call of a family with arguments of zero: the filter must answer before the kernel looks at
/// them.
fn calls() -> Vec<Attack> {
    let family = |name, numbers: &[libc::c_long]| {
        let body = format!(
            "for number in {numbers:?}:\n  \
               try: answer = call(number, 0, 0, 0, 0, 0, 0)\n  \
               except PermissionError as e:\n    \
                 if e.errno != 1: raise RuntimeError(f'{{number}}: {{e}}')\n    \
                 last = e; continue\n  \
               except OSError as e: raise RuntimeError(f'{{number}}: {{e}}')\n  \
               raise RuntimeError(f'{{number}} answered {{answer}}')\n\
             raise last"
        );
        Attack::new(name, Seccomp, NotPermitted, native(&body))
    };
    use libc::*;
    vec![
        family("io_uring", &[SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register]),
        family("userfaultfd", &[SYS_userfaultfd]),
        family("anonymous files", &[SYS_memfd_create, SYS_memfd_secret]),
        family(
            "programs in the kernel",
            &[SYS_bpf, SYS_perf_event_open, SYS_init_module, SYS_finit_module, SYS_kexec_load],
        ),
        family("keys", &[SYS_keyctl, SYS_add_key, SYS_request_key]),
        family("namespaces", &[SYS_unshare, SYS_setns]),
        family(
            "mounts",
            &[
                SYS_mount,
                SYS_umount2,
                SYS_pivot_root,
                SYS_fsopen,
                SYS_fsmount,
                SYS_open_tree,
                SYS_move_mount,
                SYS_mount_setattr,
            ],
        ),
        family("shared memory and queues", &[SYS_shmget, SYS_shmat, SYS_semget, SYS_msgget, SYS_mq_open]),
        family("set the clocks", &[SYS_clock_settime, SYS_settimeofday, SYS_clock_adjtime, SYS_adjtimex]),
        family(
            "timers that count as kernel memory",
            &[SYS_timer_create, SYS_timerfd_create, SYS_signalfd4, SYS_inotify_init1, SYS_fanotify_init],
        ),
        family("files by handle", &[SYS_open_by_handle_at, SYS_name_to_handle_at, SYS_openat2]),
        family(
            "pages without copies",
            &[SYS_vmsplice, SYS_splice, SYS_tee, SYS_remap_file_pages, SYS_process_madvise],
        ),
        family("locked memory", &[SYS_mlock, SYS_mlockall, SYS_mlock2]),
        family(
            "the execution domain",
            &[
                SYS_personality,
                SYS_seccomp,
                SYS_landlock_create_ruleset,
                SYS_kcmp,
                SYS_syslog,
                SYS_reboot,
                SYS_quotactl,
                SYS_acct,
            ],
        ),
        family("pages of others in memory", &[SYS_mincore, SYS_move_pages, SYS_migrate_pages, SYS_mbind]),
    ]
}

/// Calls that are allowed with some arguments, with others.
fn arguments() -> Vec<Attack> {
    let mut attacks = vec![
        Attack::new(
            "type into the terminal",
            Seccomp,
            NotPermitted,
            "import fcntl, termios\nfcntl.ioctl(1, termios.TIOCSTI, b'x')",
        ),
        Attack::new(
            "switch the filter off",
            Seccomp,
            NotPermitted,
            native(&format!("call({}, 22, 0, 0, 0, 0)", libc::SYS_prctl)),
        ),
        Attack::new(
            "more address space",
            Limits,
            Raises("ValueError"),
            "import resource as r\nr.setrlimit(r.RLIMIT_AS, (r.RLIM_INFINITY,) * 2)",
        ),
    ];
    if cfg!(target_arch = "x86_64") {
        attacks.push(Attack::new(
            "the numbers of another calling convention",
            Seccomp,
            NotPermitted,
            native(&format!("call({}, 0, 0, 0)", 0x4000_0000 | libc::SYS_getpid)),
        ));
        // mov eax, 20 (getpid of i386); int 0x80; ret
        let code = "import ctypes, mmap\n\
            code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)\n\
            code.write(bytes([0xb8, 20, 0, 0, 0, 0xcd, 0x80, 0xc3]))\n\
            at = ctypes.addressof(ctypes.c_char.from_buffer(code))\n\
            raise RuntimeError(ctypes.CFUNCTYPE(ctypes.c_int)(at)())";
        let sees = Ends(FailureKind::Crash, "a system call of another architecture");
        attacks.push(Attack::new("the calls of another architecture", Seccomp, sees, code));
    }
    attacks
}
