//! Byte strings of a switch that concatenates fields, read by a layout that the operator has configured. A layout is unambiguous by itself:
//! fields are set apart by a separator that no value may hold, or each has a width; so no two orders have the same bytes.

use super::{
    currency::{is_currency, minor_digits},
    iso20022::minor_units,
    order::{self, Refusal},
    reason::Reason,
};
use chuky_model::{instant::Instant, payment::PaymentOrder};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// How one switch writes an order.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// By which messages name it.
    pub name: String,
    /// What stands between two fields; without one each field has a width.
    #[serde(default)]
    pub separator: Option<String>,
    /// In their order.
    pub fields: Vec<Field>,
    /// The currency, where no field says it.
    #[serde(default)]
    pub currency: Option<String>,
    /// Seconds from `created` to `expires`, where no field says it.
    #[serde(default)]
    pub valid_seconds: Option<i64>,
    /// The offset of times that are written without one.
    #[serde(default = "vietnam")]
    pub offset: String,
}

/// One field.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    pub member: Member,
    /// Characters; with it the padding (spaces behind, zeros before an amount) is taken off.
    #[serde(default)]
    pub width: Option<usize>,
    /// What stands before the value in the order: `CCCD:`, `account:970436:`.
    #[serde(default)]
    pub prefix: String,
    /// The one value that this field may have.
    #[serde(default)]
    pub literal: Option<String>,
    #[serde(default)]
    pub form: Form,
}

/// What a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Member {
    Id,
    Payer,
    Payee,
    Amount,
    Currency,
    Created,
    Expires,
    Reference,
    /// Signed, and no part of the order.
    Other,
}

/// How a value is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// As an order has it: minor units, RFC 3339.
    #[default]
    Plain,
    /// An amount with a point: `150000.00`.
    Decimal,
    /// A time as `YYYYMMDDhhmmss`, at the layout's offset.
    Compact,
}

impl Field {
    /// Whether a width is filled with zeros in front.
    fn has_leading_zeros(&self) -> bool {
        self.member == Member::Amount && self.form != Form::Decimal
    }

    /// Whether no value can stand in both fields.
    fn is_apart(&self, other: &Self) -> bool {
        let widths = (self.width, other.width);
        if matches!(widths, (Some(one), Some(two)) if one != two) {
            return true;
        }
        // A value without a width is as it stands; one with a width is as long as that.
        let cannot = |literal: &Self, free: &Self| match (&literal.literal, literal.width, free.width) {
            (Some(literal), None, Some(width)) => literal.chars().count() != width,
            _ => false,
        };
        let literals = match (&self.literal, &other.literal) {
            (Some(one), Some(two)) => one != two && self.has_leading_zeros() == other.has_leading_zeros(),
            _ => false,
        };
        // With a width on one side only, spaces and zeros may make two literals the same value.
        (literals && self.width.is_some() == other.width.is_some()) || cannot(self, other) || cannot(other, self)
    }
}

fn vietnam() -> String {
    "+07:00".to_owned()
}

impl Layout {
    /// Why the layout cannot be used, where it cannot.
    pub fn check(&self) -> Result<(), String> {
        if self.name.is_empty() || self.fields.is_empty() || self.fields.len() > MOST_FIELDS {
            return Err(format!("a layout has a name and 1 to {MOST_FIELDS} fields"));
        }
        let widths = self.fields.iter().filter(|field| field.width.is_some()).count();
        match &self.separator {
            Some(separator) if separator.is_empty() => return Err("the separator is empty".to_owned()),
            None if widths != self.fields.len() => {
                return Err("without a separator every field has a width".to_owned());
            }
            _ => {}
        }
        if Instant::parse_rfc3339(&format!("2026-01-01T00:00:00{}", self.offset)).is_none() {
            return Err("the offset is Z, or like +07:00".to_owned());
        }
        let mut seen = BTreeSet::new();
        let members = self.fields.iter().map(|field| field.member).filter(|member| *member != Member::Other);
        if let Some(twice) = members.into_iter().find(|member| !seen.insert(*member)) {
            return Err(format!("{twice:?} stands twice"));
        }
        for needed in [Member::Id, Member::Payer, Member::Payee, Member::Amount, Member::Created] {
            if !seen.contains(&needed) {
                return Err(format!("no field is {needed:?}"));
            }
        }
        match &self.currency {
            Some(_) if seen.contains(&Member::Currency) => {
                return Err("the currency stands both in a field and beside the fields".to_owned());
            }
            Some(code) if is_currency(code) => {}
            None if seen.contains(&Member::Currency) => {}
            _ => return Err("the currency is a field, or an active code of ISO 4217".to_owned()),
        }
        if seen.contains(&Member::Expires) == self.valid_seconds.is_some() {
            return Err("the end of validity is a field, or valid_seconds, and not both".to_owned());
        }
        Ok(())
    }

    /// Whether no byte string can be read by both layouts as different orders, as far as layouts of the same kind go: by another number of
    /// fields, another length, or a value that is always the same. Layouts with different separators are told apart by the content only.
    pub fn is_apart(&self, other: &Self) -> bool {
        let same = Self { name: other.name.clone(), ..self.clone() };
        if same == *other || self.separator != other.separator {
            return true;
        }
        if self.separator.is_none() {
            let (own, others) = (self.fixed(), other.fixed());
            let differ =
                |(one, two): (&Option<char>, &Option<char>)| matches!((one, two), (Some(one), Some(two)) if one != two);
            return own.len() != others.len() || own.iter().zip(&others).any(differ);
        }
        self.fields.len() != other.fields.len()
            || self.fields.iter().zip(&other.fields).any(|(one, two)| one.is_apart(two))
    }

    /// The characters of a content without separators, where they are always the same.
    fn fixed(&self) -> Vec<Option<char>> {
        let mut fixed = Vec::new();
        for field in &self.fields {
            let width = field.width.unwrap_or_default();
            let literal = field.literal.as_deref().filter(|_| !field.has_leading_zeros());
            let padded = literal.map(|literal| literal.chars().chain(std::iter::repeat(' ')).take(width).map(Some));
            match padded {
                Some(padded) => fixed.extend(padded),
                None => fixed.extend(std::iter::repeat_n(None, width)),
            }
        }
        fixed
    }

    /// The order that a byte string stands for.
    pub(super) fn read(&self, content: &[u8]) -> Result<PaymentOrder, Refusal> {
        let text = std::str::from_utf8(content).map_err(|_| malformed("the content is not UTF-8"))?;
        let mut order = PaymentOrder {
            id: String::new(),
            payer: String::new(),
            payee: String::new(),
            amount: 0,
            currency: self.currency.clone().unwrap_or_default(),
            created: String::new(),
            expires: String::new(),
            reference: None,
        };
        let mut amount = None;
        for (field, value) in self.fields.iter().zip(self.values(text)?) {
            if field.literal.as_ref().is_some_and(|literal| literal != value) {
                return Err(malformed("a field that is always the same has another value"));
            }
            let written = format!("{}{value}", field.prefix);
            match field.member {
                Member::Id => order.id = written,
                Member::Payer => order.payer = written,
                Member::Payee => order.payee = written,
                Member::Amount => amount = Some((value, field.form)),
                Member::Currency => order.currency = written,
                Member::Created => order.created = self.time(value, field.form)?,
                Member::Expires => order.expires = self.time(value, field.form)?,
                Member::Reference => order.reference = Some(written).filter(|text| !text.is_empty()),
                Member::Other => {}
            }
        }
        if let Some((value, form)) = amount {
            let digits = if form == Form::Decimal { minor_digits(&order.currency) } else { 0 };
            if form != Form::Decimal && value.contains('.') {
                return Err((Reason::AmountInvalid, "the amount is no whole number".to_owned()));
            }
            order.amount = minor_units(value, digits)?;
        }
        if let Some(seconds) = self.valid_seconds {
            let created = Instant::parse_rfc3339(&order.created);
            let created = created.ok_or_else(|| (Reason::TimeInvalid, "created is not RFC 3339".to_owned()))?;
            order.expires = created.plus_seconds(seconds).rfc3339();
        }
        match order::shape(&order) {
            None => Ok(order),
            Some(refusal) => Err(refusal),
        }
    }

    /// The fields' values, one for each.
    fn values<'t>(&self, text: &'t str) -> Result<Vec<&'t str>, Refusal> {
        let count = || malformed("the content has another number of fields than the layout");
        let values: Vec<&str> = match &self.separator {
            Some(separator) => text.split(separator.as_str()).take(self.fields.len().saturating_add(1)).collect(),
            None => {
                let mut rest = text;
                let mut values = Vec::with_capacity(self.fields.len());
                for field in &self.fields {
                    let width = field.width.unwrap_or_default();
                    let end = rest.char_indices().nth(width).map_or(rest.len(), |(at, _)| at);
                    let (value, after) = rest.split_at(end);
                    if value.chars().count() != width {
                        return Err(count());
                    }
                    values.push(value);
                    rest = after;
                }
                if !rest.is_empty() {
                    return Err(count());
                }
                values
            }
        };
        if values.len() != self.fields.len() {
            return Err(count());
        }
        let padded = |(value, field): (&'t str, &Field)| match field.width {
            Some(width) if value.chars().count() != width => Err(count()),
            Some(_) if field.has_leading_zeros() => {
                let digits = value.trim_start_matches('0');
                Ok(if digits.is_empty() { "0" } else { digits })
            }
            Some(_) => Ok(value.trim_end_matches(' ')),
            None => Ok(value),
        };
        values.into_iter().zip(&self.fields).map(padded).collect()
    }

    /// A time as an order has it.
    fn time(&self, value: &str, form: Form) -> Result<String, Refusal> {
        if form != Form::Compact {
            return Ok(value.to_owned());
        }
        let part = |from: usize, to: usize| value.get(from..to).unwrap_or_default();
        if value.len() != 14 || !value.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err((Reason::TimeInvalid, "a time is not YYYYMMDDhhmmss".to_owned()));
        }
        let [year, month, day] = [part(0, 4), part(4, 6), part(6, 8)];
        let [hour, minute, second] = [part(8, 10), part(10, 12), part(12, 14)];
        Ok(format!("{year}-{month}-{day}T{hour}:{minute}:{second}{}", self.offset))
    }
}

fn malformed(detail: &str) -> Refusal {
    (Reason::OrderMalformed, detail.to_owned())
}

/// Most fields of a layout.
const MOST_FIELDS: usize = 64;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn layout(toml: &str) -> Layout {
        toml::from_str(toml).unwrap()
    }

    const SEPARATED: &str = r#"
        name = "switch"
        separator = "|"
        currency = "VND"
        valid_seconds = 900
        fields = [
            { member = "other", literal = "0200" }, { member = "id" }, { member = "payer", prefix = "CCCD:" },
            { member = "payee", prefix = "account:970436:" }, { member = "amount" }, { member = "created", form = "compact" },
            { member = "reference" },
        ]"#;

    #[test]
    fn separated_fields_are_an_order() {
        let layout = layout(SEPARATED);
        layout.check().unwrap();
        let order = layout.read(b"0200|INV-1|001190012345|0123456789|150000|20261122100000|").unwrap();
        assert_eq!((order.payer.as_str(), order.payee.as_str()), ("CCCD:001190012345", "account:970436:0123456789"));
        assert_eq!((order.amount, order.currency.as_str(), order.reference), (150_000, "VND", None));
        assert_eq!(
            (order.created.as_str(), order.expires.as_str()),
            ("2026-11-22T10:00:00+07:00", "2026-11-22T03:15:00Z")
        );
        for (content, reason) in [
            ("0200|INV-1|001190012345|0123456789|150000|20261122100000", Reason::OrderMalformed),
            ("0200|INV-1|001190012345|0123456789|150000|20261122100000|a|b", Reason::OrderMalformed),
            ("0210|INV-1|001190012345|0123456789|150000|20261122100000|", Reason::OrderMalformed),
            ("0200|INV 1|001190012345|0123456789|150000|20261122100000|", Reason::IdInvalid),
            ("0200|INV-1|001190012345|0123456789|1.5|20261122100000|", Reason::AmountInvalid),
            ("0200|INV-1|001190012345|0123456789|-1|20261122100000|", Reason::AmountInvalid),
            ("0200|INV-1|001190012345|0123456789|99999999999999999999|20261122100000|", Reason::AmountInvalid),
            ("0200|INV-1|001190012345|0123456789|150000|2026112210000|", Reason::TimeInvalid),
            ("0200|INV-1|001190012345|0123456789|150000|20261322100000|", Reason::TimeInvalid),
        ] {
            assert_eq!(layout.read(content.as_bytes()).unwrap_err().0, reason, "{content}");
        }
        assert_eq!(layout.read(b"\xff").unwrap_err().0, Reason::OrderMalformed);
    }

    #[test]
    fn fields_of_a_width_are_an_order() {
        let layout = layout(
            r#"
            name = "fixed"
            currency = "USD"
            fields = [
                { member = "id", width = 10 }, { member = "payer", width = 12, prefix = "CCCD:" },
                { member = "payee", width = 12, prefix = "MST:" }, { member = "amount", width = 9, form = "decimal" },
                { member = "created", width = 14, form = "compact" }, { member = "expires", width = 14, form = "compact" },
            ]"#,
        );
        layout.check().unwrap();
        let order = layout.read(b"INV-1     0011900123450100000001  001500.502026112210000020261122101500").unwrap();
        assert_eq!((order.id.as_str(), order.payee.as_str(), order.amount), ("INV-1", "MST:0100000001", 150_050));
        let short = layout.read(b"INV-1     0011900123450100000001  001500.50202611221000002026112210150").unwrap_err();
        assert_eq!(short.0, Reason::OrderMalformed);
    }

    #[test]
    fn a_layout_that_leaves_something_open_is_refused() {
        for (was, is) in [
            ("{ member = \"id\" }, ", ""),
            ("separator = \"|\"", "separator = \"\""),
            ("separator = \"|\"", ""),
            ("currency = \"VND\"", "currency = \"XXX\""),
            ("currency = \"VND\"", ""),
            ("valid_seconds = 900", ""),
            ("{ member = \"id\" }", "{ member = \"id\" }, { member = \"id\" }"),
        ] {
            assert!(layout(&SEPARATED.replace(was, is)).check().is_err(), "{was} -> {is}");
        }
        assert!(toml::from_str::<Layout>(&SEPARATED.replace("member = \"id\"", "member = \"id\", other = 1")).is_err());
    }

    #[test]
    fn layouts_are_apart_by_a_literal_a_width_or_the_count_of_fields() {
        let apart = |one: &str, two: &str| {
            let (one, two) = (layout(one), layout(two));
            assert_eq!(one.is_apart(&two), two.is_apart(&one));
            one.is_apart(&two)
        };
        let with = |was: &str, is: &str| SEPARATED.replace("name = \"switch\"", "name = \"other\"").replace(was, is);
        assert!(apart(SEPARATED, &with("", "")), "the same by another name reads the same");
        assert!(apart(SEPARATED, &with("0200", "0210")));
        assert!(apart(SEPARATED, &with("separator = \"|\"", "separator = \";\"")));
        assert!(apart(SEPARATED, &with("{ member = \"id\" },", "{ member = \"id\" }, { member = \"other\" },")));
        assert!(apart(SEPARATED, &with("literal = \"0200\"", "width = 5")));
        for (was, is) in [
            ("970436", "970418"),
            ("CCCD:", "MST:"),
            ("VND", "USD"),
            ("valid_seconds = 900", "valid_seconds = 60"),
            (", literal = \"0200\"", ""),
            (", literal = \"0200\"", ", width = 4"),
            (
                "{ member = \"payee\", prefix = \"account:970436:\" }, { member = \"amount\" }",
                "{ member = \"amount\" }, { member = \"payee\" }",
            ),
        ] {
            let other = with(was, is);
            assert!(SEPARATED.contains(was) && !apart(SEPARATED, &other), "{was} -> {is}");
        }
        let fixed = |kind: &str, id: usize, payee: &str| {
            format!(
                "name = \"{payee}\"\ncurrency = \"VND\"\nvalid_seconds = 900\nfields = [{{ member = \"other\", width = 4{kind} }}, \
                 {{ member = \"id\", width = {id} }}, {{ member = \"payer\", width = 12 }}, {{ member = \"payee\", width = 12, prefix = \"{payee}\" }}, \
                 {{ member = \"amount\", width = 9 }}, {{ member = \"created\", width = 14, form = \"compact\" }}]"
            )
        };
        assert!(apart(&fixed("", 10, "a:"), &fixed("", 11, "b:")));
        assert!(apart(&fixed(", literal = \"02\"", 10, "a:"), &fixed(", literal = \"0201\"", 10, "b:")));
        assert!(!apart(&fixed(", literal = \"02\"", 10, "a:"), &fixed(", literal = \"02\"", 10, "b:")));
        assert!(!apart(&fixed("", 10, "a:"), &fixed(", literal = \"02\"", 10, "b:")));
    }
}
