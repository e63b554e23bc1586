//! How a database's tables stand to what a program knows of them: older, the same, newer, and whether a program of before may go on
//! beside newer ones. Pure: what was read is handed in.

use std::fmt;

/// How tables stand to a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tables {
    /// None were made yet.
    Absent,
    /// Those that the program knows.
    Same,
    /// Migrations of the program, by number, are to come.
    Older(Vec<i64>),
    /// Migrations were run that the program does not know, none of which it has to: it may go on, and start anew.
    Newer(Vec<i64>),
    /// Migrations were run that a program must know to work with the tables.
    TooNew(Vec<i64>),
    /// A migration that the program knows was run with another text, not to its end, or left out while unknown ones were run.
    Different(i64),
}

/// A migration that was run, as the database tells of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    pub version: i64,
    /// Of its text.
    pub checksum: Vec<u8>,
    pub succeeded: bool,
}

impl Tables {
    /// Compares the migrations that a program knows (number and checksum) with those that were run, of which it has to know `required`.
    pub fn compare(known: &[(i64, &[u8])], applied: &[Applied], required: &[i64]) -> Self {
        let knows = |version: i64| known.iter().any(|(number, _)| *number == version);
        if applied.is_empty() {
            return Self::Absent;
        }
        let too_new: Vec<i64> = required.iter().copied().filter(|version| !knows(*version)).collect();
        if !too_new.is_empty() {
            return Self::TooNew(too_new);
        }
        let differs = |run: &&Applied| {
            let known = known.iter().find(|(number, _)| *number == run.version);
            !run.succeeded || known.is_some_and(|(_, checksum)| *checksum != run.checksum)
        };
        if let Some(run) = applied.iter().find(differs) {
            return Self::Different(run.version);
        }
        let unknown: Vec<i64> = applied.iter().map(|run| run.version).filter(|version| !knows(*version)).collect();
        let is_run = |version: i64| applied.iter().any(|run| run.version == version);
        let pending: Vec<i64> = known.iter().map(|(number, _)| *number).filter(|number| !is_run(*number)).collect();
        match (unknown.is_empty(), pending.first()) {
            (true, None) => Self::Same,
            (true, Some(_)) => Self::Older(pending),
            (false, None) => Self::Newer(unknown),
            (false, Some(first)) => Self::Different(*first),
        }
    }

    /// Whether a program works with them as they are.
    pub fn are_usable(&self) -> bool {
        matches!(self, Self::Same | Self::Newer(_))
    }

    /// One word, for programs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::Same => "same",
            Self::Older(_) => "older",
            Self::Newer(_) => "newer",
            Self::TooNew(_) => "too_new",
            Self::Different(_) => "different",
        }
    }
}

impl fmt::Display for Tables {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |versions: &[i64]| versions.iter().map(i64::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::Absent => write!(formatter, "the database has no tables yet"),
            Self::Same => write!(formatter, "the tables are those of this version"),
            Self::Older(pending) => {
                write!(formatter, "the tables are older than this version: migrations {} are to come", list(pending))
            }
            Self::Newer(unknown) => write!(
                formatter,
                "the tables are of a newer version (migrations {}), beside which this one goes on",
                list(unknown)
            ),
            Self::TooNew(unknown) => write!(
                formatter,
                "the tables are of a newer version, whose migrations {} this one would have to know",
                list(unknown)
            ),
            Self::Different(version) => {
                write!(formatter, "migration {version} is not in the database as this version knows it")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(version: i64) -> Applied {
        Applied { version, checksum: vec![u8::try_from(version).unwrap_or_default()], succeeded: true }
    }

    fn compare(applied: &[Applied], required: &[i64]) -> Tables {
        Tables::compare(&[(1, &[1]), (2, &[2]), (3, &[3])], applied, required)
    }

    #[test]
    fn tables_stand_in_six_ways() {
        assert_eq!(compare(&[], &[]), Tables::Absent);
        assert_eq!(compare(&[run(1), run(2), run(3)], &[3]), Tables::Same);
        // A number that was left out by one branch of a release is older, too.
        assert_eq!(compare(&[run(1), run(3)], &[]), Tables::Older(vec![2]));
        assert_eq!(compare(&[run(1), run(2), run(3), run(4)], &[2]), Tables::Newer(vec![4]));
        assert_eq!(compare(&[run(1), run(2), run(3), run(4), run(5)], &[2, 5]), Tables::TooNew(vec![5]));
        // A program that lacks some and misses others belongs to another line.
        assert_eq!(compare(&[run(1), run(2), run(4)], &[]), Tables::Different(3));
        let changed = Applied { checksum: vec![9], ..run(2) };
        assert_eq!(compare(&[run(1), changed, run(3)], &[]), Tables::Different(2));
        let broken_off = Applied { succeeded: false, ..run(4) };
        assert_eq!(compare(&[run(1), run(2), run(3), broken_off], &[]), Tables::Different(4));
    }
}
