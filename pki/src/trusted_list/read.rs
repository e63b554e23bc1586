//! Reads `TrustServiceStatusList` (TS 119 612 §5, annex C): each element where the schema puts it, bounded, unknown ones read over where the
//! standard allows it. Reads only; the caller must have checked that the signature covers everything.

use super::status;
use super::{Pointer, Service, State, TrustedList};
use crate::certificate::Certificate;
use crate::error::{Error, Result};
use crate::xml::document::{Document, NodeId};
use crate::xml::signature::base64_text;
use crate::{crypto, limits};
use chuky_model::instant::Instant;

/// The namespace of lists of all versions since 2.
pub(crate) const TSL: &str = "http://uri.etsi.org/02231/v2#";
const TSL_EXTENSIONS: &str = "http://uri.etsi.org/02231/v2/additionaltypes#";
const QUALIFICATIONS: &str = "http://uri.etsi.org/TrstSvc/SvcInfoExt/eSigDir-1999-93-EC-TrustedList/#";
/// `TSLVersionIdentifier`: 3 and 4 are of before 2016 (TS 102 231 V3 and TS 119 612 V1), 5 and 6 of the V2.
const VERSIONS: std::ops::RangeInclusive<u32> = 3..=6;

/// Reads the list whose root element this is. `signer` is noted.
pub(crate) fn read(document: &Document<'_>, root: NodeId, signer: [u8; 32]) -> Result<TrustedList> {
    let reader = Reader { document };
    let scheme = reader.one(root, "SchemeInformation")?;
    let text = |name| reader.one(scheme, name).and_then(|node| reader.text(node));
    let version: u32 = number(&text("TSLVersionIdentifier")?, "TSLVersionIdentifier")?;
    if !VERSIONS.contains(&version) {
        return Err(Error::Unsupported(format!("version {version} of a trusted list")));
    }
    let next = reader.one(scheme, "NextUpdate")?;
    let next_update = match reader.optional(next, "dateTime")? {
        Some(node) => Some(reader.time(node)?),
        None => None,
    };
    let pointers = reader.optional(scheme, "PointersToOtherTSL")?;
    let providers = reader.optional(root, "TrustServiceProviderList")?;
    Ok(TrustedList {
        territory: text("SchemeTerritory")?,
        kind: text("TSLType")?,
        operator: reader.name(reader.one(scheme, "SchemeOperatorName")?)?,
        version,
        sequence: number(&text("TSLSequenceNumber")?, "TSLSequenceNumber")?,
        issued: reader.time(reader.one(scheme, "ListIssueDateTime")?)?,
        next_update,
        signer,
        pointers: pointers.map_or(Ok(Vec::new()), |node| reader.pointers(node))?,
        services: providers.map_or(Ok(Vec::new()), |node| reader.services(node))?,
    })
}

fn number<T: std::str::FromStr>(text: &str, what: &'static str) -> Result<T> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(Error::Malformed(what))
}

struct Reader<'r, 'd> {
    document: &'r Document<'d>,
}

impl Reader<'_, '_> {
    fn named(&self, above: NodeId, local: &'static str) -> impl Iterator<Item = NodeId> {
        self.document.children(above).filter(move |node| self.document.is(*node, TSL, local))
    }

    /// The only child of that name: of two, readers could take different ones.
    fn one(&self, above: NodeId, local: &'static str) -> Result<NodeId> {
        self.optional(above, local)?.ok_or(Error::Malformed(local))
    }

    fn optional(&self, above: NodeId, local: &'static str) -> Result<Option<NodeId>> {
        let mut found = self.named(above, local);
        let first = found.next();
        if found.next().is_some() { Err(Error::Malformed(local)) } else { Ok(first) }
    }

    fn text(&self, node: NodeId) -> Result<String> {
        if self.document.children(node).next().is_some() {
            return Err(Error::Malformed("an element within a text of a trusted list"));
        }
        let text = self.document.text(node);
        let text = text.trim();
        if text.len() > limits::LONGEST_LIST_TEXT {
            return Err(Error::Limit("length of a text in a trusted list"));
        }
        // No list moves a cursor: what is kept is printed.
        Ok(text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect())
    }

    /// TS 119 612 §5.1.4: UTC with `Z`; lists with an offset are read, too.
    fn time(&self, node: NodeId) -> Result<Instant> {
        Instant::parse_rfc3339(&self.text(node)?).ok_or(Error::Malformed("a time in a trusted list"))
    }

    /// The English name, else the first.
    fn name(&self, names: NodeId) -> Result<String> {
        let all: Vec<NodeId> = self.named(names, "Name").collect();
        let is_english = |node: &&NodeId| {
            let mut attributes = self.document.attributes(**node).iter();
            attributes.any(|attribute| attribute.local == "lang" && attribute.value.starts_with("en"))
        };
        let chosen = all.iter().find(is_english).or(all.first());
        self.text(*chosen.ok_or(Error::Malformed("a name in a trusted list"))?)
    }

    fn pointers(&self, node: NodeId) -> Result<Vec<Pointer>> {
        let mut pointers = Vec::new();
        for pointer in self.named(node, "OtherTSLPointer") {
            if pointers.len() >= limits::MOST_LIST_POINTERS {
                return Err(Error::Limit("pointers of a trusted list"));
            }
            let identities = self.optional(pointer, "ServiceDigitalIdentities")?;
            let identities = identities.into_iter().flat_map(|node| self.named(node, "ServiceDigitalIdentity"));
            let mut signers = Vec::new();
            for identity in identities {
                signers.extend(self.certificates(identity)?.iter().map(|der| crypto::sha256(der)));
            }
            let additional = self.optional(pointer, "AdditionalInformation")?;
            let mut within = additional.into_iter().flat_map(|node| self.document.elements_within(node));
            let territory = within.find(|node| self.document.is(*node, TSL, "SchemeTerritory"));
            pointers.push(Pointer {
                territory: territory.map_or(Ok(String::new()), |node| self.text(node))?,
                location: self.text(self.one(pointer, "TSLLocation")?)?,
                signers,
            });
        }
        Ok(pointers)
    }

    fn services(&self, list: NodeId) -> Result<Vec<Service>> {
        let mut services = Vec::new();
        for provider in self.named(list, "TrustServiceProvider") {
            let information = self.one(provider, "TSPInformation")?;
            let name = self.name(self.one(information, "TSPName")?)?;
            let Some(own) = self.optional(provider, "TSPServices")? else { continue };
            for service in self.named(own, "TSPService") {
                if services.len() >= limits::MOST_SERVICES {
                    return Err(Error::Limit("services of a trusted list"));
                }
                services.push(self.service(service, &name)?);
            }
        }
        Ok(services)
    }

    fn service(&self, node: NodeId, provider: &str) -> Result<Service> {
        let current = self.one(node, "ServiceInformation")?;
        let mut states = vec![self.state(current)?];
        let history = self.optional(node, "ServiceHistory")?;
        for former in history.into_iter().flat_map(|node| self.named(node, "ServiceHistoryInstance")) {
            if states.len() >= limits::MOST_SERVICE_STATES {
                return Err(Error::Limit("former states of a service"));
            }
            states.push(self.state(former)?);
        }
        // §5.6: the history stands in descending order. Where two states began at one moment, the earlier written is the later one.
        states.reverse();
        states.sort_by_key(|state| state.from);
        if states.last().is_some_and(|last| self.state(current).is_ok_and(|now| now.from < last.from)) {
            return Err(Error::Malformed("a service whose history is younger than its present state"));
        }
        let identity = self.optional(current, "ServiceDigitalIdentity")?;
        Ok(Service {
            provider: provider.to_owned(),
            name: self.name(self.one(current, "ServiceName")?)?,
            kind: status::kind(&self.text(self.one(current, "ServiceTypeIdentifier")?)?),
            certificates: identity.map_or(Ok(Vec::new()), |node| self.certificates(node))?,
            states,
        })
    }

    fn state(&self, node: NodeId) -> Result<State> {
        let (mut only_web, mut others, mut not_understood) = (false, false, false);
        let extensions = self.optional(node, "ServiceInformationExtensions")?;
        for extension in extensions.into_iter().flat_map(|node| self.named(node, "Extension")) {
            let is_critical =
                matches!(self.document.attribute(extension, "Critical").map(str::trim), Some("true" | "1"));
            for inner in self.document.children(extension) {
                not_understood |= is_critical && !self.is_known(inner);
                if !self.document.is(inner, TSL, "AdditionalServiceInformation") {
                    continue;
                }
                let uri = self.text(self.one(inner, "URI")?)?;
                let (_, last) = uri.rsplit_once('/').unwrap_or_default();
                only_web |= last == "ForWebSiteAuthentication";
                others |= matches!(last, "ForeSignatures" | "ForeSeals");
            }
        }
        Ok(State {
            kind: status::kind(&self.text(self.one(node, "ServiceTypeIdentifier")?)?),
            status: status::status(&self.text(self.one(node, "ServiceStatus")?)?),
            from: self.time(self.one(node, "StatusStartingTime")?)?,
            web_sites_only: only_web && !others,
            not_understood,
        })
    }

    /// §5.5.9: the extensions that the standard knows. Qualifications say of single certificates whether they are qualified, which is not
    /// asked of an anchor.
    fn is_known(&self, inner: NodeId) -> bool {
        let known = [
            (TSL, "AdditionalServiceInformation"),
            (TSL, "ExpiredCertsRevocationInfo"),
            (TSL_EXTENSIONS, "TakenOverBy"),
            (QUALIFICATIONS, "Qualifications"),
        ];
        known.iter().any(|(namespace, local)| self.document.is(inner, namespace, local))
    }

    /// Certificates of a digital identity, each once; what is none makes the list malformed.
    fn certificates(&self, identity: NodeId) -> Result<Vec<Vec<u8>>> {
        let mut found: Vec<Vec<u8>> = Vec::new();
        for id in self.named(identity, "DigitalId") {
            for node in self.named(id, "X509Certificate") {
                if found.len() >= limits::MOST_SERVICE_CERTIFICATES {
                    return Err(Error::Limit("certificates of a service"));
                }
                let der = base64_text(self.document, node)?;
                Certificate::from_der(&der)?;
                if !found.contains(&der) {
                    found.push(der);
                }
            }
        }
        Ok(found)
    }
}
