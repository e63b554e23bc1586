//! Later signatures whose appearance hides what was signed: found on pictures, told as changes that nobody can permit.

use crate::pdf::Revisions;
use crate::pdf::change::{ChangeKind, Finding, Needs, Step};
use crate::picture::covering::{Covering, UNDRAWN};

/// Adds to each step what its new signatures hide; gives the ends from which on this could not be established.
pub(super) fn judge(revisions: &Revisions<'_>, steps: &mut [Step]) -> Vec<usize> {
    let mut unknown = Vec::new();
    let asked = |step: &&mut Step| {
        // A step that is an alteration already gets no worse.
        !step.widgets.is_empty() && step.findings.iter().all(|one| one.kind.needs() != Needs::Impossible)
    };
    let mut covering = None;
    for step in steps.iter_mut().filter(asked) {
        let covering = covering.get_or_insert_with(|| Covering::of(revisions.whole().data()));
        let (old, new) = (revisions.until(step.from), revisions.until(step.to));
        let hiding = match (covering, old, new) {
            (Some(covering), Some(old), Some(new)) => covering.hiding(&old, &new, &step.widgets),
            _ => Err(UNDRAWN),
        };
        match hiding {
            Err(_) => unknown.push(step.from),
            Ok(hiding) => {
                let found = hiding.into_iter().map(|widget| Finding {
                    kind: ChangeKind::MisleadingAppearance,
                    page: Some(widget.page),
                    field: None,
                    detail: format!(
                        "the appearance of a later signature, object {}, hides what was signed",
                        widget.id.number
                    ),
                });
                step.findings.extend(found);
            }
        }
    }
    unknown
}
