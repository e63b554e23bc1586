//! Named points at which a development build kills itself, so that tests can crash the service before and after each effect.
//! In a release build every point is nothing.

/// Ends the process as `kill -9` would, where `CHUKY_CRASH_AT` names this point and the build is a development build; where
/// `CHUKY_STOP_AT` does, the process stands still until it is continued.
pub fn point(name: &str) {
    #[cfg(debug_assertions)]
    for (variable, signal) in
        [("CHUKY_CRASH_AT", rustix::process::Signal::KILL), ("CHUKY_STOP_AT", rustix::process::Signal::STOP)]
    {
        if std::env::var(variable).is_ok_and(|wanted| wanted == name) {
            let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
        }
    }
    #[cfg(not(debug_assertions))]
    let _ = name;
}
