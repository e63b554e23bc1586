//! What a whole look at a list found, so that the next page of it costs that page and not every line: which lines there were, by digests of
//! their sealed texts, and which of a draft are wrong. It is believed only of lines that are still the same; decisions look at all anew.

use super::{CheckedLine, as_entered, checked_lines};
use crate::{accounts::Principal, app::App, error::Result};
use chuky_model::{
    id::AgencyListId,
    record::{
        agency::{AgencyLine, AgencyList},
        state::AgencyListState,
    },
};
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Lists that were looked at as a whole of late.
#[derive(Default)]
pub struct Kept(Mutex<HashMap<AgencyListId, Looked>>);

/// The version of a draft (0 from its entry on: its lines do not change then), when it was looked at, and what was found.
type Looked = (i64, Instant, Arc<Whole>);

/// What a look at every line found.
pub struct Whole {
    lines: BTreeMap<i64, [u8; 32]>,
    /// Positions of lines of a draft that something is wrong with.
    pub wrong: BTreeSet<i64>,
    /// Rows of the file that have the same person before, by position.
    twice: HashMap<i64, i64>,
}

impl Whole {
    fn of(lines: &[CheckedLine]) -> Self {
        let wrong = lines.iter().filter(|line| !line.problems.is_empty()).map(|line| line.line.position).collect();
        let twice = lines.iter().filter_map(|line| Some((line.line.position, line.twice?))).collect();
        Self { lines: lines.iter().map(|line| (line.line.position, digest(&line.line))).collect(), wrong, twice }
    }

    /// Whether the line is one of those that were looked at, unchanged.
    pub fn knows(&self, line: &AgencyLine) -> bool {
        self.lines.get(&line.position) == Some(&digest(line))
    }

    /// Whether these are the lines from a position on, as many as fit: none was taken out.
    pub fn follow(&self, from: i64, lines: &[AgencyLine], most: usize) -> bool {
        let expected = self.lines.range(from..).map(|(position, _)| *position).take(most);
        expected.eq(lines.iter().map(|line| line.position))
    }

    /// The row of the file that has the same person before this line.
    pub fn twice(&self, position: i64) -> Option<i64> {
        self.twice.get(&position).copied()
    }
}

/// What a look at every line of a draft or an entered list found, now or of late. A new look takes a place among the uploads: it is as much
/// work.
pub async fn whole(app: &App, by: &Principal, list: &AgencyList) -> Result<Arc<Whole>> {
    // What the register says against a person of a draft changes with time.
    let (version, lasts) = match list.state {
        AgencyListState::Draft => (list.version, DRAFT_KEPT_FOR),
        _ => (0, KEPT_FOR),
    };
    if let Some(whole) = recalled(app, list.id, version, lasts) {
        return Ok(whole);
    }
    let _place = app.admission.judge().await?;
    let lines = match list.state {
        AgencyListState::Draft => checked_lines(app, by, list).await?,
        _ => as_entered(app, list).await?,
    };
    let whole = Arc::new(Whole::of(&lines));
    let mut kept = app.lists.0.lock().unwrap_or_else(PoisonError::into_inner);
    if kept.len() >= LISTS_KEPT && !kept.contains_key(&list.id) {
        kept.clear();
    }
    kept.insert(list.id, (version, Instant::now(), whole.clone()));
    Ok(whole)
}

fn recalled(app: &App, id: AgencyListId, version: i64, lasts: Duration) -> Option<Arc<Whole>> {
    let kept = app.lists.0.lock().unwrap_or_else(PoisonError::into_inner);
    let (of, since, whole) = kept.get(&id)?;
    (*of == version && since.elapsed() < lasts).then(|| whole.clone())
}

fn digest(line: &AgencyLine) -> [u8; 32] {
    Sha256::digest(&line.fields).into()
}

const DRAFT_KEPT_FOR: Duration = Duration::from_secs(30);
const KEPT_FOR: Duration = Duration::from_secs(600);
/// Lists kept at once: below two megabytes each.
const LISTS_KEPT: usize = 16;
