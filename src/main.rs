//! The `chuky` binary: worker processes are dispatched before anything else is set up, everything else is a command.

fn main() -> std::process::ExitCode {
    chuky::cli::run()
}
