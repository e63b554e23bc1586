//! Disks that fill up. PostgreSQL's is a file system in memory of its own where this process may mount one, and is full when that is made
//! as small as what lies on it. Where it may not, and for the nodes, no file of a process can grow any more (RLIMIT_FSIZE): writes fail with
//! EFBIG in place of ENOSPC, which needs no privilege.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The disk of a database.
pub struct Disk {
    directory: PathBuf,
    mounted: bool,
}

impl Disk {
    /// A disk for that directory, which it makes.
    pub fn mount(directory: &Path) -> Self {
        std::fs::create_dir_all(directory).unwrap();
        let mounted =
            quietly(Command::new("mount").args(["-t", "tmpfs", "-o", ROOMY, "chuky-fault-run"]).arg(directory));
        Self { directory: directory.to_owned(), mounted }
    }

    /// How it is filled, in words.
    pub fn means(&self) -> &'static str {
        if self.mounted { "a file system without room" } else { "RLIMIT_FSIZE: nothing could be mounted" }
    }

    /// Leaves no room on it; `processes` are those that write there.
    pub fn fill(&self, processes: &[u32]) {
        if !self.mounted {
            return limit(processes, FULL);
        }
        // What is written between looking and making it smaller does not fit: looked at again.
        let filled = (0..FILL_TRIES).any(|_| {
            let output = Command::new("df").args(["--output=used", "-B4096"]).arg(&self.directory).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let used: u64 = text.lines().nth(1).unwrap().trim().parse().unwrap();
            self.resized(&format!("size={}", used * 4096))
        });
        assert!(filled, "the file system was not made smaller");
    }

    /// Makes room again.
    pub fn empty(&self, processes: &[u32]) {
        if !self.mounted {
            return limit(processes, UNLIMITED);
        }
        assert!(self.resized(ROOMY), "the file system was not made larger");
    }

    fn resized(&self, size: &str) -> bool {
        quietly(Command::new("mount").args(["-o", &format!("remount,{size}")]).arg(&self.directory))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.mounted {
            quietly(Command::new("umount").arg("--lazy").arg(&self.directory));
        }
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Sets the size to which files of these processes may grow; one that has ended meanwhile is passed over.
pub fn limit(processes: &[u32], size: &str) {
    for process in processes {
        quietly(Command::new("prlimit").args(["--pid", &process.to_string(), &format!("--fsize={size}:")]));
    }
}

fn quietly(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Nothing fits that is not there already.
pub const FULL: &str = "4096";
pub const UNLIMITED: &str = "unlimited";
const FILL_TRIES: u32 = 1_000;
const ROOMY: &str = "size=2g";
