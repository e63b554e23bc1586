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
        if signal == rustix::process::Signal::STOP {
            // The audit log takes in what was just recorded: a process that stands still in the middle of that would lock the database. What this
            // thread was to do next is handed to another meanwhile.
            let a_while = || std::thread::sleep(std::time::Duration::from_millis(1_500));
            match tokio::runtime::Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
                Ok(tokio::runtime::RuntimeFlavor::MultiThread) => tokio::task::block_in_place(a_while),
                _ => a_while(),
            }
        }
        let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
    }
    #[cfg(not(debug_assertions))]
    let _ = name;
}
