//! Named points at which a development build kills or stops itself, so that tests can crash the service before and after each effect, and a
//! wall clock that is wrong by as much as a test says. In a release build every point is nothing and the clock is the machine's.

/// Ends the process as `kill -9` would, where `CHUKY_CRASH_AT` names this point and the build is a development build; `stop:` before the
/// name stops it (SIGSTOP), as a node that is out of reach for a while.
pub fn point(name: &str) {
    #[cfg(debug_assertions)]
    if let Ok(wanted) = std::env::var("CHUKY_CRASH_AT") {
        match wanted.strip_prefix("stop:") {
            Some(wanted) if wanted == name => stand_still(),
            None if wanted == name => end(),
            _ => {}
        }
    }
    #[cfg(not(debug_assertions))]
    let _ = name;
}

/// By how many microseconds the wall clock that this process sees is wrong: as many seconds as the file says that `CHUKY_CLOCK_ERROR`
/// names, where the build is a development build.
pub fn clock_error() -> i64 {
    #[cfg(debug_assertions)]
    if let Some(file) = std::env::var_os("CHUKY_CLOCK_ERROR") {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        return text.trim().parse::<i64>().unwrap_or(0).saturating_mul(1_000_000);
    }
    0
}

#[cfg(debug_assertions)]
fn send(signal: rustix::process::Signal) {
    let _ = rustix::process::kill_process(rustix::process::getpid(), signal);
}

/// Kills the process; whichever thread takes the signal, this one goes no further.
#[cfg(debug_assertions)]
fn end() {
    send(rustix::process::Signal::KILL);
    std::thread::sleep(std::time::Duration::from_secs(60));
}

/// Stops the process while nothing else is under way in it.
#[cfg(debug_assertions)]
fn stand_still() {
    use std::{thread::sleep, time::Duration};
    let stop = || {
        // The audit log takes in what was just recorded: a process that stands still in the middle of that would lock the database.
        sleep(Duration::from_millis(500));
        send(rustix::process::Signal::STOP);
        // Whichever thread takes the signal, this one goes no further before all stand.
        sleep(Duration::from_millis(200));
    };
    // What this thread was to do next is handed to another meanwhile.
    match tokio::runtime::Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(tokio::runtime::RuntimeFlavor::MultiThread) => tokio::task::block_in_place(stop),
        _ => stop(),
    }
}
