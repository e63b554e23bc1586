//! What a reader worker may not do once it reads: open files, use the network, start programs, or grow past its bounds.
//! seccomp is always on; Landlock where the kernel has it. Applied to every thread that comes after, never taken back.

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter_all_threads};
use std::collections::BTreeMap;

/// Which confinements took hold, as `doctor` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Confinement {
    pub seccomp: bool,
    pub landlock: bool,
}

/// Why a worker could not be confined; it then refuses to read anything.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("resource limit: {0}")]
    Limit(#[from] rustix::io::Errno),
    #[error("seccomp: {0}")]
    Seccomp(String),
}

/// Confines the calling process: address space in bytes, CPU seconds, no files, no network, no programs.
pub fn confine(memory: u64, cpu_seconds: u64) -> Result<Confinement, SandboxError> {
    use rustix::process::{Resource, Rlimit, setrlimit};
    let limit = |value| Rlimit { current: Some(value), maximum: Some(value) };
    setrlimit(Resource::As, limit(memory))?;
    setrlimit(Resource::Cpu, limit(cpu_seconds))?;
    setrlimit(Resource::Core, limit(0))?;
    setrlimit(Resource::Fsize, limit(0))?;
    setrlimit(Resource::Nofile, limit(OPEN_FILES))?;
    let landlock = restrict_files();
    let program = filter().map_err(SandboxError::Seccomp)?;
    apply_filter_all_threads(&program).map_err(|error| SandboxError::Seccomp(error.to_string()))?;
    Ok(Confinement { seccomp: true, landlock })
}

/// Handles every file right and grants none, so nothing can be opened. `false` where the kernel has no Landlock.
fn restrict_files() -> bool {
    use landlock::{ABI, Access, AccessFs, Ruleset, RulesetAttr, RulesetStatus};
    Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V1))
        .and_then(|ruleset| ruleset.create())
        .and_then(|ruleset| ruleset.restrict_self())
        .is_ok_and(|status| status.ruleset != RulesetStatus::NotEnforced)
}

/// The system calls that parsing needs; everything else answers EPERM.
fn filter() -> Result<BpfProgram, String> {
    let rules: BTreeMap<i64, Vec<seccompiler::SeccompRule>> =
        ALLOWED.iter().map(|number| (*number, Vec::new())).collect();
    let architecture = std::env::consts::ARCH.try_into().map_err(|error| format!("{error}"))?;
    let refuse = SeccompAction::Errno(libc::EPERM as u32);
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, architecture)
        .and_then(TryInto::try_into)
        .map_err(|error| error.to_string())
}

/// Standard streams, the socket and the document, with room for what the runtime opened before.
const OPEN_FILES: u64 = 16;

const ALLOWED: &[i64] = &[
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_pread64,
    libc::SYS_readv,
    libc::SYS_writev,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_close,
    libc::SYS_fstat,
    libc::SYS_statx,
    libc::SYS_newfstatat,
    libc::SYS_lseek,
    libc::SYS_fcntl,
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_clock_gettime,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_tgkill,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_exit,
    libc::SYS_exit_group,
];
