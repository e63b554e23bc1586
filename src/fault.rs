//! Named points at which a development build kills or stops itself, so that tests can crash the service before and after each effect.
//! In a release build every point is nothing.

/// Ends the process as `kill -9` would, where `CHUKY_CRASH_AT` names this point and the build is a development build; `stop:` before the
/// name stops it (SIGSTOP), as a node that is out of reach for a while.
pub fn point(name: &str) {
    #[cfg(debug_assertions)]
    if let Ok(wanted) = std::env::var("CHUKY_CRASH_AT") {
        let signal = match wanted.strip_prefix("stop:") {
            Some(wanted) if wanted == name => rustix::process::Signal::STOP,
            None if wanted == name => rustix::process::Signal::KILL,
            _ => return,
        };
        let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
    }
    #[cfg(not(debug_assertions))]
    let _ = name;
}
