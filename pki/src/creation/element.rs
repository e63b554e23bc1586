//! XML elements that are written in their exclusive canonical form (Exclusive XML Canonicalization 1.0), so that what is digested is what
//! stands in the file. Writes only; names come from here, values from anywhere.

use crate::xml::names::{ASIC, DSIG, XADES_132, XADES_141};

/// The namespaces that signatures are written in, by the prefix that everybody uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefix {
    Asic,
    Ds,
    Xades,
    Xades141,
}

impl Prefix {
    fn text(self) -> &'static str {
        match self {
            Self::Asic => "asic",
            Self::Ds => "ds",
            Self::Xades => "xades",
            Self::Xades141 => "xades141",
        }
    }

    fn namespace(self) -> &'static str {
        match self {
            Self::Asic => ASIC,
            Self::Ds => DSIG,
            Self::Xades => XADES_132,
            Self::Xades141 => XADES_141,
        }
    }
}

/// An element. Attributes have no prefix.
#[derive(Clone, Debug)]
pub(super) struct Element {
    prefix: Prefix,
    local: &'static str,
    attributes: Vec<(&'static str, String)>,
    content: Vec<Node>,
}

#[derive(Clone, Debug)]
enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    pub(super) fn new(prefix: Prefix, local: &'static str) -> Self {
        Self { prefix, local, attributes: Vec::new(), content: Vec::new() }
    }

    pub(super) fn attribute(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self.attributes.sort_unstable();
        self
    }

    pub(super) fn child(mut self, child: Self) -> Self {
        self.content.push(Node::Element(child));
        self
    }

    pub(super) fn children(self, children: impl IntoIterator<Item = Self>) -> Self {
        children.into_iter().fold(self, Self::child)
    }

    pub(super) fn text(mut self, text: impl Into<String>) -> Self {
        self.content.push(Node::Text(text.into()));
        self
    }

    /// The canonical form of this element as the apex. It may stand anywhere: it declares each prefix that it uses.
    pub(super) fn canonical(&self) -> String {
        let mut out = String::new();
        self.write(&mut Vec::new(), &mut out);
        out
    }

    fn write(&self, declared: &mut Vec<Prefix>, out: &mut String) {
        let (prefix, new) = (self.prefix.text(), !declared.contains(&self.prefix));
        out.push('<');
        push_name(prefix, self.local, out);
        if new {
            declared.push(self.prefix);
            push_attribute(&["xmlns:", prefix], self.prefix.namespace(), out);
        }
        for (name, value) in &self.attributes {
            push_attribute(&[*name], value, out);
        }
        out.push('>');
        for node in &self.content {
            match node {
                Node::Element(element) => element.write(declared, out),
                Node::Text(text) => escape(text, &TEXT, out),
            }
        }
        out.push_str("</");
        push_name(prefix, self.local, out);
        out.push('>');
        if new {
            declared.pop();
        }
    }
}

fn push_name(prefix: &str, local: &str, out: &mut String) {
    out.push_str(prefix);
    out.push(':');
    out.push_str(local);
}

fn push_attribute(name: &[&str], value: &str, out: &mut String) {
    out.push(' ');
    name.iter().for_each(|part| out.push_str(part));
    out.push_str("=\"");
    escape(value, &ATTRIBUTE, out);
    out.push('"');
}

fn escape(text: &str, replacements: &[(char, &str)], out: &mut String) {
    for character in text.chars() {
        match replacements.iter().find(|(known, _)| *known == character) {
            Some((_, replacement)) => out.push_str(replacement),
            None => out.push(character),
        }
    }
}

/// Canonical XML 1.0 §2.3.
const TEXT: [(char, &str); 4] = [('&', "&amp;"), ('<', "&lt;"), ('>', "&gt;"), ('\r', "&#xD;")];
const ATTRIBUTE: [(char, &str); 6] =
    [('&', "&amp;"), ('<', "&lt;"), ('"', "&quot;"), ('\t', "&#x9;"), ('\n', "&#xA;"), ('\r', "&#xD;")];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::xml::canonical::{Method, canonicalise};
    use crate::xml::document::Document;
    use crate::xml::selection::{Budget, Selection};

    #[test]
    fn what_is_written_is_its_own_canonical_form() {
        let inner = Element::new(Prefix::Ds, "DigestValue").text("a<b>&\"c\"\r\n");
        let element = Element::new(Prefix::Xades, "Cert")
            .attribute("b", "\t<\"&>\n")
            .attribute("Id", "ưởng")
            .child(inner.clone())
            .child(Element::new(Prefix::Xades, "Empty").child(inner));
        let text = element.canonical();
        // Inside another element that declares and means the same.
        let around = format!("<o xmlns:ds=\"{DSIG}\" xmlns:x=\"urn:x\">{text}</o>");
        for whole in [&text, &around] {
            let document = Document::parse(whole).unwrap();
            let apex = document.document_element();
            let node = if document.local_name(apex) == "o" { document.children(apex).next().unwrap() } else { apex };
            let method = Method::from_uri("http://www.w3.org/2001/10/xml-exc-c14n#").unwrap();
            let selection = Selection::subtree(&document, node, true);
            let (mut canonical, mut budget) = (Vec::new(), Budget::for_length(whole.len()));
            canonicalise(&document, &selection, method, &[], &mut budget, &mut |piece| {
                canonical.extend_from_slice(piece)
            })
            .unwrap();
            assert_eq!(String::from_utf8(canonical).unwrap(), text);
        }
    }
}
