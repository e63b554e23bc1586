//! Peak memory of one verdict on a large file, in a process of its own, because a peak cannot be taken back.

use super::{Context, pdf_verify};
use crate::harness::{Cost, Goal, Row, Side, Unit};
use chuky_model::report::Indication;
use chuky_pki::verify::verify_document;
use std::process::Command;

/// The argument by which the program is asked to verify one of the files and print its peak.
pub const ONCE: &str = "--once";

pub fn verify_large(_: &mut Context) -> Result<Row, String> {
    let ours = Box::new(Peak { file: "20mb.b.pdf" });
    Ok(Row { unit: Unit::Mebibytes, ours, limit: None, peer: None, goals: vec![Goal::ValueAtMost(48.0)] })
}

struct Peak {
    file: &'static str,
}

impl Side for Peak {
    fn name(&self) -> String {
        "memory map".to_owned()
    }

    /// One process is enough: the peak does not depend on how often the task is done.
    fn run(&mut self, _count: u32) -> Result<Cost, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let output = Command::new(program).args([ONCE, self.file]).output().map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout);
        let kibibytes: f64 = text
            .trim()
            .parse()
            .map_err(|_| format!("{}: {text}{}", self.file, String::from_utf8_lossy(&output.stderr)))?;
        // A batch's length does not matter here: one second stands for it.
        Ok(Cost { cpu: kibibytes / 1024.0, wall: 1.0 })
    }
}

/// Verifies one file over a memory map in this process and prints the peak of its resident memory in KiB.
pub fn run_once(arguments: &[String]) -> Result<(), String> {
    let [name] = arguments else { return Err("FILE".to_owned()) };
    let context = Context::new()?;
    let trust = pdf_verify::trust(&context)?;
    let file = std::fs::File::open(context.fixtures.folder.join(name)).map_err(|error| error.to_string())?;
    // SAFETY: the file belongs to this run and nobody changes it while it is mapped.
    #[allow(unsafe_code)]
    let bytes = unsafe { memmap2::Mmap::map(&file) }.map_err(|error| error.to_string())?;
    let report = verify_document(&bytes, name, &trust);
    if report.indication != Indication::TotalPassed {
        return Err(format!("{name}: {:?}", report.indication));
    }
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let peak =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|rest| rest.split_whitespace().next());
    println!("{}", peak.ok_or("no VmHWM in /proc/self/status")?);
    Ok(())
}
