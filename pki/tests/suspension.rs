//! A suspension that was lifted: for the time that it lasted the certificate stays suspended, before and after it counts.
#![allow(clippy::unwrap_used, clippy::panic)]

mod hierarchy;

use chuky_model::instant::Instant;
use chuky_pki::crl::{Crl, CrlToMake, Reason, Revoked};
use chuky_pki::revocation::{self, Evidence, Hold, Revocation};
use hierarchy::*;

/// A list that ends after an hour.
fn list(hierarchy: &Hierarchy, number: u64, at: Instant, revoked: Option<(Instant, Reason)>) -> Crl {
    let to_make =
        CrlToMake { issuer: &hierarchy.issuing, number, this_update: at, next_update: at.plus_seconds(3_600) };
    let entries = revoked.map(|(at, reason)| Revoked { serial: serial(3), at, reason, invalid_since: None });
    let to_be_signed = to_make.to_be_signed(SCHEME, entries.into_iter()).unwrap();
    let signature = hierarchy.issuing_key.sign(&to_be_signed.digest());
    Crl::parse(&to_be_signed.assemble(&signature, &hierarchy.issuing_key.public()).unwrap()).unwrap()
}

#[test]
fn a_lifted_hold_stays_for_the_time_it_lasted() {
    let hierarchy = Hierarchy::new();
    let citizen = hierarchy.issue("citizen", 3, &citizen_name(), &Key::new());
    let minute = |minutes: i64| now().plus_seconds(minutes * 60);
    let held = Some((minute(10), Reason::CertificateHold));
    // On hold from the 10th minute, told in the 11th; lifted in the 20th, told in the 21st. Much later, a list of that day.
    let lists = [
        list(&hierarchy, 1, minute(11), held),
        list(&hierarchy, 2, minute(21), None),
        list(&hierarchy, 3, minute(3_000), None),
    ];
    let judge = |lists: &[Crl], at| {
        let evidence = Evidence {
            crls: lists.to_vec().into(),
            ocsp_responses: Vec::new().into(),
            holds: [].into(),
            ..Evidence::default()
        };
        revocation::judge(&citizen, &hierarchy.issuing, &evidence, at)
    };
    let suspended = Revocation::Revoked { at: minute(10), reason: Reason::RemoveFromCrl };
    let mut backwards = lists.to_vec();
    backwards.reverse();
    for lists in [&lists[..], &backwards] {
        assert!(matches!(judge(lists, minute(9)), Revocation::Good { revoked_since: None, .. }));
        assert_eq!(judge(lists, minute(10)), suspended);
        assert_eq!(judge(lists, minute(15)), suspended);
        for good in [22, 200, 2_000] {
            assert!(matches!(judge(lists, minute(good)), Revocation::Good { revoked_since: None, .. }), "{good}");
        }
    }
    // Without the list that followed, only the late one tells that it was lifted: until then it counts as on hold.
    let gap = [lists[0].clone(), lists[2].clone()];
    assert_eq!(judge(&gap, minute(200)), suspended);
    // As long as nothing says otherwise it is simply on hold.
    let hold = Revocation::Revoked { at: minute(10), reason: Reason::CertificateHold };
    assert_eq!(judge(&lists[..1], minute(15)), hold);
    // What the register knows takes the place of what lists tell: to the moment, and with no list of that time at all.
    let told = |lists: &[Crl], at| {
        let hold = Hold { certificate: *citizen.fingerprint(), from: minute(10), until: minute(20) };
        let other = Hold { certificate: [7; 32], from: minute(0), until: minute(5_000) };
        let evidence = Evidence { crls: lists.to_vec().into(), ..Evidence::default() }.with_holds(&[other, hold]);
        revocation::judge(&citizen, &hierarchy.issuing, &evidence, at)
    };
    for lists in [&lists[..], &gap, &lists[2..]] {
        for at in [minute(10), minute(15), minute(20).plus_seconds(-1)] {
            assert_eq!(told(lists, at), suspended);
        }
        for good in [minute(9), minute(20), minute(200)] {
            assert!(matches!(told(lists, good), Revocation::Good { revoked_since: None, .. }), "{good:?}");
        }
    }
    // A hold that ended in a revocation was never lifted.
    let revoked = [lists[0].clone(), list(&hierarchy, 4, minute(21), Some((minute(10), Reason::KeyCompromise)))];
    let answer = judge(&revoked, minute(30));
    assert_eq!(answer, Revocation::Revoked { at: minute(10), reason: Reason::KeyCompromise });
}
