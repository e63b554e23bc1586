//! Bounds of the road of outgoing documents, with their units and reasons.

use std::time::Duration;

/// Characters of a subject (Decree 30/2020/NĐ-CP, Appendix VI: Subject).
pub const SUBJECT_CHARACTERS: usize = 500;
/// Characters of the notation behind the number (Appendix VI: CodeNotation).
pub const NOTATION_CHARACTERS: usize = 30;
/// Characters of an agency's name (Appendix VI: OrganName).
pub const NAME_CHARACTERS: usize = 200;
/// Characters of a place of issue: the longest name of a unit with its kind.
pub const PLACE_CHARACTERS: usize = 60;
/// Characters of a type's name.
pub const SHORT_CHARACTERS: usize = 100;
/// Characters of a reason.
pub const REASON_CHARACTERS: usize = 500;
/// People on one road: the longest chain of a ministry's joint circular.
pub const STEPS: usize = 20;
/// Recipients of one document: every ward of a province, with its departments.
pub const RECIPIENTS: usize = 500;
/// Documents signed with one activation.
pub const BATCH: usize = 50;
/// Documents of one page of a list.
pub const PAGE: i64 = 50;
/// Documents of one inbox that are shown at once.
pub const INBOX: i64 = 200;
/// Lines of the register shown at once.
pub const REGISTER: i64 = 100;
/// Bytes of a document's metadata.
pub const METADATA_BYTES: usize = 128 << 10;
/// Bytes of a document that an edXML package carries: what the reader of a package takes, so that no agency sends what another that runs this
/// service refuses.
pub const PACKAGED_BYTES: u64 = crate::reader::ATTACHED as u64;
/// Bytes that signatures, number, seal and the data that checks them add to a document: pictures of 4 MiB, revocation lists, timestamps.
pub const ADDED_BYTES: u64 = 8 << 20;
/// Archive timestamps made in one round of the worker.
pub const ARCHIVED_AT_ONCE: usize = 20;
/// How long a document that is sent waits for its archive timestamp.
pub const ARCHIVE_PATIENCE: Duration = Duration::from_secs(10);
/// Sealed documents without a row that archives them, looked at in one round.
pub const LOOKED_AT: i64 = 50;
/// Hours that a person on the road has, where the drafter names no time.
pub const ACT_HOURS: i64 = 48;
/// Hours that a clerk has: the same or the next working day (Decree 30/2020/NĐ-CP, article 18).
pub const CLERK_HOURS: i64 = 24;
/// Hours after which a draft is overdue.
pub const DRAFT_HOURS: i64 = 120;
/// Hours before a deadline at which whoever has the document is told.
pub const REMIND_BEFORE_HOURS: i64 = 4;
/// Reminders in one round of the worker.
pub const REMINDED_AT_ONCE: i64 = 100;
/// How often a reminder is tried that cannot be told: for an hour.
pub const REMINDER_TRIES: i64 = 12;
/// Days after which a reminder that ended is forgotten.
pub const REMINDERS_KEPT_DAYS: i64 = 30;
/// Clerks of one agency that are told of one document.
pub const REMINDED_CLERKS: usize = 10;
/// Furthest deadline that a drafter may set, in days.
pub const DEADLINE_DAYS: i64 = 366;
/// Seconds until a package is tried again that could not be laid, the first time; doubled each time.
pub const TRY_AGAIN_SECONDS: i64 = 60;
/// At most so many.
pub const TRY_AGAIN_AT_MOST_SECONDS: i64 = 3_600;
/// Rows from before looked at together.
pub const EARLIER: i64 = 100;
/// Entries of the audit log about one road, read together.
pub const ENTRIES: i64 = 1_000;
/// How often a status is stored anew while its document or another status of the recipient changes.
pub const STATUS_TRIES: usize = 8;
/// Packages delivered in one round.
pub const DELIVERED_AT_ONCE: i64 = 50;
/// Longest delegation, in days: a long leave.
pub const DELEGATED_DAYS: i64 = 184;
/// Delegations of one account that count at once.
pub const DELEGATIONS: i64 = 50;
/// Titles that agencies abbreviate in their names.
pub const TITLES: [(&str, &str); 3] = [("ubnd", "ủy ban nhân dân"), ("hđnd", "hội đồng nhân dân"), ("tp", "thành phố")];
/// How often a package is entered anew while other clerks enter theirs; each try that fails is one that another clerk got.
pub const INCOMING_TRIES: usize = 32;
