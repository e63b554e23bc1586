//! The canonical order of an ISO 20022 message: customer credit transfer (pain.001), payment activation request (pain.013) and interbank
//! customer credit transfer (pacs.008), any version. One message is one order: a message with several transactions is refused. Every
//! element that is read may stand once; what is read where is written in `docs/payments.md`.

use super::{
    currency::{is_currency, minor_digits},
    limits::{LONGEST_AMOUNT, LONGEST_TIME},
    order::{self, Refusal},
    reason::Reason,
};
use crate::{
    error::Error,
    xml::{
        document::{Document, NodeId},
        encoding,
    },
};
use chuky_model::payment::PaymentOrder;

/// The order in a message that something else is the signature of: a JWS or a CMS object over XML.
pub fn read_unsigned(bytes: &[u8]) -> Result<PaymentOrder, Refusal> {
    if bytes.len() > super::limits::LONGEST_MESSAGE {
        return Err((Reason::TooLarge, format!("longer than {} bytes", super::limits::LONGEST_MESSAGE)));
    }
    let refused = |error: Error| (Reason::OrderMalformed, error.to_string());
    let text = encoding::decode(bytes).map_err(refused)?;
    let document = Document::parse(&text).map_err(refused)?;
    let message = find(&document)?;
    read(&document, message, None)
}

/// The one element `Document`. A second one of that name, in whichever namespace, would leave open which of them another reader takes.
pub(super) fn find(document: &Document<'_>) -> Result<NodeId, Refusal> {
    let mut found = document.elements_within(NodeId::ROOT).filter(|node| document.local_name(*node) == "Document");
    let message = found.next().ok_or_else(|| unsupported("there is no ISO 20022 Document in the XML"))?;
    if found.next().is_some() {
        return Err((Reason::SeveralTransactions, "more than one element named Document".to_owned()));
    }
    Ok(message)
}

/// Which message, and the names that differ between the three.
struct Kind {
    name: &'static str,
    body: &'static str,
    /// Between group header and transaction, where the message has such a level.
    batch: Option<&'static str>,
    transaction: &'static str,
}

const KINDS: [Kind; 3] = [
    Kind { name: "pain.001.001.", body: "CstmrCdtTrfInitn", batch: Some("PmtInf"), transaction: "CdtTrfTxInf" },
    Kind { name: "pain.013.001.", body: "CdtrPmtActvtnReq", batch: Some("PmtInf"), transaction: "CdtTrfTx" },
    Kind { name: "pacs.008.001.", body: "FIToFICstmrCdtTrf", batch: None, transaction: "CdtTrfTxInf" },
];

/// What the namespace of every message begins with.
const NAMESPACE: &str = "urn:iso:std:iso:20022:tech:xsd:";

/// Reads the order of a message. `signature` is read over.
pub(super) fn read(
    document: &Document<'_>,
    message: NodeId,
    signature: Option<NodeId>,
) -> Result<PaymentOrder, Refusal> {
    let namespace = document.namespace(message);
    let name = namespace.strip_prefix(NAMESPACE).unwrap_or_default();
    let version = |kind: &Kind| name.strip_prefix(kind.name).is_some_and(is_version);
    let kind = KINDS.iter().find(|kind| version(kind));
    let kind = kind.ok_or_else(|| unsupported("the Document is no pain.001, pain.013 or pacs.008"))?;
    let reader = Reader { document, namespace, signature };
    let body = reader.one(message, kind.body)?;
    let header = reader.one(body, "GrpHdr")?;
    let batch = match kind.batch {
        Some(batch) => reader.single(body, batch)?,
        None => body,
    };
    let transaction = reader.single(batch, kind.transaction)?;
    if let Some(count) = reader.text_at(header, &["NbOfTxs"])?
        && count.trim() != "1"
    {
        return Err((Reason::SeveralTransactions, "NbOfTxs is not 1".to_owned()));
    }
    let (amount, currency) = reader.amount(transaction, header)?;
    let payer_at = if kind.batch.is_some() { batch } else { transaction };
    let order = PaymentOrder {
        id: reader.text_at(transaction, &["PmtId", "EndToEndId"])?.ok_or_else(|| missing("EndToEndId"))?,
        payer: reader.party(payer_at, "Dbtr")?.ok_or_else(|| {
            (Reason::PartyInvalid, "Dbtr has no identification that a certificate could prove".to_owned())
        })?,
        payee: reader.payee(transaction)?,
        amount,
        currency,
        created: reader.text_at(header, &["CreDtTm"])?.ok_or_else(|| missing("CreDtTm"))?.trim().to_owned(),
        expires: reader.expires(kind, header, batch, transaction)?,
        reference: reader.reference(transaction)?,
    };
    if order.id == "NOTPROVIDED" {
        return Err((Reason::IdInvalid, "EndToEndId says that there is none".to_owned()));
    }
    match order::shape(&order) {
        None => Ok(order),
        Some(refusal) => Err(refusal),
    }
}

/// Two digits.
fn is_version(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit())
}

struct Reader<'d, 't> {
    document: &'d Document<'t>,
    namespace: &'d str,
    signature: Option<NodeId>,
}

impl Reader<'_, '_> {
    /// The children of that name. One in another namespace is refused: a reader that finds elements by name would take it.
    fn children(&self, parent: NodeId, local: &str) -> Result<Vec<NodeId>, Refusal> {
        let own = |node: &NodeId| Some(*node) != self.signature && self.document.local_name(*node) == local;
        let found: Vec<NodeId> = self.document.children(parent).filter(own).collect();
        if found.iter().any(|node| self.document.namespace(*node) != self.namespace) {
            return Err(malformed(&format!("{local} in another namespace")));
        }
        Ok(found)
    }

    fn maybe(&self, parent: NodeId, local: &str) -> Result<Option<NodeId>, Refusal> {
        match self.children(parent, local)?.as_slice() {
            [] => Ok(None),
            [node] => Ok(Some(*node)),
            _ => Err(malformed(&format!("{local} stands more than once"))),
        }
    }

    fn one(&self, parent: NodeId, local: &str) -> Result<NodeId, Refusal> {
        self.maybe(parent, local)?.ok_or_else(|| missing(local))
    }

    /// A level of which a message may have many, and a payment has one.
    fn single(&self, parent: NodeId, local: &str) -> Result<NodeId, Refusal> {
        match self.children(parent, local)?.as_slice() {
            [] => Err(missing(local)),
            [node] => Ok(*node),
            several => Err((Reason::SeveralTransactions, format!("{} × {local}", several.len()))),
        }
    }

    fn at(&self, from: NodeId, path: &[&str]) -> Result<Option<NodeId>, Refusal> {
        let mut node = from;
        for name in path {
            match self.maybe(node, name)? {
                Some(child) => node = child,
                None => return Ok(None),
            }
        }
        Ok(Some(node))
    }

    fn text_at(&self, from: NodeId, path: &[&str]) -> Result<Option<String>, Refusal> {
        self.at(from, path)?.map(|node| self.text(node)).transpose()
    }

    /// The text of an element that holds nothing but text.
    fn text(&self, node: NodeId) -> Result<String, Refusal> {
        if self.document.children(node).next().is_some() {
            return Err(malformed(&format!("{} holds elements", self.document.local_name(node))));
        }
        Ok(self.document.text(node).into_owned())
    }

    /// The amount in minor units with its currency. All amounts of the message must say the same.
    fn amount(&self, transaction: NodeId, header: NodeId) -> Result<(u64, String), Refusal> {
        if self.at(transaction, &["Amt", "EqvtAmt"])?.is_some() {
            return Err((Reason::AmountInvalid, "an equivalent amount (EqvtAmt) is none yet".to_owned()));
        }
        let places = [
            (transaction, &["IntrBkSttlmAmt"][..]),
            (transaction, &["Amt", "InstdAmt"][..]),
            (transaction, &["InstdAmt"][..]),
            (header, &["TtlIntrBkSttlmAmt"][..]),
        ];
        let mut found: Option<(u64, String)> = None;
        for (from, path) in places {
            let Some(node) = self.at(from, path)? else { continue };
            let currency = self.document.attribute(node, "Ccy").unwrap_or_default().trim().to_owned();
            if !is_currency(&currency) {
                return Err((Reason::CurrencyInvalid, "Ccy is no active code of ISO 4217".to_owned()));
            }
            let amount = (minor_units(self.text(node)?.trim(), minor_digits(&currency))?, currency);
            match &found {
                Some(known) if *known != amount => {
                    return Err((Reason::AmountInvalid, "the message states two amounts".to_owned()));
                }
                _ => found = Some(amount),
            }
        }
        let (amount, currency) = found.ok_or_else(|| missing("the amount"))?;
        if let Some(sum) = self.text_at(header, &["CtrlSum"])?
            && minor_units(sum.trim(), minor_digits(&currency))? != amount
        {
            return Err((Reason::AmountInvalid, "CtrlSum is not the amount".to_owned()));
        }
        Ok((amount, currency))
    }

    /// Whom a party's one identification names: its scheme, a colon, the identifier.
    fn party(&self, parent: NodeId, local: &str) -> Result<Option<String>, Refusal> {
        let Some(identification) = self.at(parent, &[local, "Id"])? else { return Ok(None) };
        let mut named = Vec::new();
        for kind in ["OrgId", "PrvtId"] {
            let Some(node) = self.maybe(identification, kind)? else { continue };
            for other in self.children(node, "Othr")? {
                let id = self.text_at(other, &["Id"])?.ok_or_else(|| missing("Othr/Id"))?;
                let code = self.text_at(other, &["SchmeNm", "Cd"])?;
                let scheme = match code {
                    Some(code) => Some(scheme_of(&code).to_owned()),
                    None => self.text_at(other, &["SchmeNm", "Prtry"])?,
                };
                named.push(scheme.map_or_else(|| id.clone(), |scheme| format!("{scheme}:{id}")));
            }
            if let Some(lei) = self.text_at(node, &["LEI"])? {
                named.push(format!("lei:{lei}"));
            }
        }
        match named.len() {
            0 => Ok(None),
            1 => Ok(named.pop()),
            _ => Err((Reason::PartyInvalid, format!("{local} has more than one identification"))),
        }
    }

    /// Whom the money goes to: the account where one is named, else the creditor's identification.
    fn payee(&self, transaction: NodeId) -> Result<String, Refusal> {
        let invalid = |detail: &str| (Reason::PartyInvalid, detail.to_owned());
        if let Some(iban) = self.text_at(transaction, &["CdtrAcct", "Id", "IBAN"])? {
            return Ok(format!("iban:{iban}"));
        }
        if let Some(number) = self.text_at(transaction, &["CdtrAcct", "Id", "Othr", "Id"])? {
            let institution = self.at(transaction, &["CdtrAgt", "FinInstnId"])?;
            let agent = match institution {
                Some(node) => match self.text_at(node, &["ClrSysMmbId", "MmbId"])? {
                    Some(member) => Some(member),
                    None => match self.text_at(node, &["BICFI"])? {
                        Some(bic) => Some(bic),
                        None => self.text_at(node, &["BIC"])?,
                    },
                },
                None => None,
            };
            let agent = agent.ok_or_else(|| invalid("CdtrAcct without a CdtrAgt that says at which institution"))?;
            return Ok(format!("account:{agent}:{number}"));
        }
        self.party(transaction, "Cdtr")?.ok_or_else(|| invalid("the creditor has neither account nor identification"))
    }

    /// Until when the order holds: the expiry of a pain.013, else the end of the day on which it is to be executed or settled.
    fn expires(&self, kind: &Kind, header: NodeId, batch: NodeId, transaction: NodeId) -> Result<String, Refusal> {
        let places: &[(NodeId, &str)] = match kind.batch {
            Some(_) => &[(batch, "XpryDt"), (batch, "ReqdExctnDt")],
            None => &[(transaction, "IntrBkSttlmDt"), (header, "IntrBkSttlmDt")],
        };
        for (from, name) in places {
            let Some(node) = self.maybe(*from, name)? else { continue };
            // A choice of date and time since version 8, a date before.
            if let Some(time) = self.text_at(node, &["DtTm"])? {
                return Ok(time.trim().to_owned());
            }
            let date = match self.text_at(node, &["Dt"])? {
                Some(date) => date,
                None => self.text(node)?,
            };
            return end_of_day(date.trim());
        }
        Err(missing("the date of execution or settlement"))
    }

    /// The unstructured remittance information, its lines joined by a space; else the creditor's structured reference.
    fn reference(&self, transaction: NodeId) -> Result<Option<String>, Refusal> {
        let Some(information) = self.maybe(transaction, "RmtInf")? else { return Ok(None) };
        let lines = self.children(information, "Ustrd")?;
        if !lines.is_empty() {
            let lines: Vec<String> = lines.into_iter().map(|line| self.text(line)).collect::<Result<_, _>>()?;
            return Ok(Some(lines.join(" ")));
        }
        self.text_at(information, &["Strd", "CdtrRefInf", "Ref"])
    }
}

/// The schemes of the code lists (ExternalPersonIdentification1Code, ExternalOrganisationIdentification1Code) that certificates know under
/// other names.
fn scheme_of(code: &str) -> &str {
    match code {
        "NIDN" => "CCCD",
        "CCPT" => "HC",
        "TXID" => "MST",
        other => other,
    }
}

/// Whole minor units of a decimal. Digits beyond the minor unit may be written only as zeros.
pub(super) fn minor_units(text: &str, digits: u32) -> Result<u64, Refusal> {
    let invalid = || (Reason::AmountInvalid, "the amount is no decimal of whole minor units".to_owned());
    if text.len() > LONGEST_AMOUNT {
        return Err(invalid());
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || text.ends_with('.') {
        return Err(invalid());
    }
    let places = digits as usize;
    let (kept, beyond) = fraction.split_at(places.min(fraction.len()));
    if beyond.bytes().any(|byte| byte != b'0') {
        return Err(invalid());
    }
    format!("{whole}{kept:0<places$}").parse().map_err(|_| invalid())
}

/// The last second of a day in Vietnam, where a date says no more.
pub(super) fn end_of_day(date: &str) -> Result<String, Refusal> {
    let shape = |at: usize, byte: u8| if at == 4 || at == 7 { byte == b'-' } else { byte.is_ascii_digit() };
    if date.len() != 10 || date.len() > LONGEST_TIME || !date.bytes().enumerate().all(|(at, byte)| shape(at, byte)) {
        return Err((Reason::TimeInvalid, "a date is not YYYY-MM-DD".to_owned()));
    }
    Ok(format!("{date}T23:59:59+07:00"))
}

fn missing(what: &str) -> Refusal {
    malformed(&format!("{what} is missing"))
}

fn malformed(detail: &str) -> Refusal {
    (Reason::OrderMalformed, detail.to_owned())
}

fn unsupported(detail: &str) -> Refusal {
    (Reason::MessageNotSupported, detail.to_owned())
}
