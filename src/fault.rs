//! Named points at which a development build kills itself, so that tests can crash the service before and after each effect.
//! In a release build every point is nothing.

/// Ends the process as `kill -9` would, where `CHUKY_CRASH_AT` names this point and the build is a development build.
pub fn point(name: &str) {
    #[cfg(debug_assertions)]
    if std::env::var("CHUKY_CRASH_AT").is_ok_and(|wanted| wanted == name) {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
    #[cfg(not(debug_assertions))]
    let _ = name;
}
