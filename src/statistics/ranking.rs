//! Units beside each other, divided by the number of people that dated lists say they have. Who has no number has no rank.

use super::{
    attribution::{Attribution, Place, Standing},
    kinds::CertificateType,
    tally::{CertificateCounts, rounded},
};
use chuky_model::unit::{Unit, UnitKind, Units};
use serde::Serialize;
use std::collections::BTreeMap;

/// What units are compared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Active certificates of citizens for each 1,000 residents.
    CitizensPerThousand,
    /// Active certificates of officials for each 100 officials.
    OfficialsPerHundred,
}

impl Measure {
    /// Both.
    pub const ALL: [Self; 2] = [Self::CitizensPerThousand, Self::OfficialsPerHundred];

    /// The stable name.
    pub fn name(self) -> &'static str {
        match self {
            Self::CitizensPerThousand => "citizens_per_thousand",
            Self::OfficialsPerHundred => "officials_per_hundred",
        }
    }

    fn counted(self) -> CertificateType {
        match self {
            Self::CitizensPerThousand => CertificateType::Citizen,
            Self::OfficialsPerHundred => CertificateType::Official,
        }
    }

    fn of(self) -> u128 {
        match self {
            Self::CitizensPerThousand => 1_000,
            Self::OfficialsPerHundred => 100,
        }
    }

    fn people<'a>(self, units: &'a Units, unit: &Unit, day: &str) -> Option<(u64, &'a str)> {
        match self {
            Self::CitizensPerThousand => units.residents(unit, day),
            Self::OfficialsPerHundred => units.officials(unit, day),
        }
    }
}

/// Units by one measure.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Ranking {
    pub measure: Measure,
    /// The highest first.
    pub ranked: Vec<Ranked>,
    /// Units with such certificates of which no list says how many people they have.
    pub unranked: Vec<Place>,
}

/// One unit.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Ranked {
    /// From 1 on; units with the same rate share one.
    pub rank: usize,
    pub unit: Place,
    /// Active certificates at the end of the last day.
    pub active: u64,
    /// Residents or officials.
    pub people: u64,
    /// The first day of the list that says how many.
    pub people_since: String,
    /// Rounded to two places.
    pub rate: f64,
}

/// The units of the last day that the caller may see, by a measure. The city as a whole is none of them.
pub fn ranking(
    measure: Measure,
    (units, day): (&Units, &str),
    attribution: &Attribution<'_>,
    figures: &BTreeMap<Place, BTreeMap<CertificateType, CertificateCounts>>,
) -> Ranking {
    let (mut ranked, mut unranked) = (Vec::new(), Vec::new());
    for unit in units.all_at(day).filter(|unit| unit.kind != UnitKind::City && attribution.shows(unit)) {
        let place = Place::of(unit, Standing::InForce);
        let counts = figures.get(&place).and_then(|types| types.get(&measure.counted()));
        let active = counts.map_or(0, |counts| counts.active);
        match measure.people(units, unit, day) {
            Some((people, since)) => ranked.push(Ranked {
                rank: 0,
                unit: place,
                active,
                people,
                people_since: since.to_owned(),
                rate: rounded(u128::from(active) * measure.of(), u128::from(people), 100),
            }),
            None if counts.is_some() => unranked.push(place),
            None => {}
        }
    }
    // By the exact quotient: rounding makes nobody equal.
    let product = |one: &Ranked, other: &Ranked| u128::from(one.active) * u128::from(other.people);
    ranked.sort_by(|one, other| product(other, one).cmp(&product(one, other)).then_with(|| one.unit.cmp(&other.unit)));
    for at in 0..ranked.len() {
        let shares = at.checked_sub(1).and_then(|before| {
            let (one, other) = (ranked.get(before)?, ranked.get(at)?);
            (product(one, other) == product(other, one)).then_some(one.rank)
        });
        if let Some(one) = ranked.get_mut(at) {
            one.rank = shares.unwrap_or(at + 1);
        }
    }
    Ranking { measure, ranked, unranked }
}
