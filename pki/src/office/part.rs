//! Part names (ECMA-376-2 §9.1): two names are the same part where they differ only in ASCII case or in how they are percent-encoded.
//! Everything here is in one form: without the leading slash, decoded, in lower case.

use crate::xml::transform::percent_decoded;

/// The one form of a name as it stands in an archive, a reference or a list of content types.
pub fn key(name: &str) -> String {
    let name = name.strip_prefix('/').unwrap_or(name);
    percent_decoded(name).to_ascii_lowercase()
}

/// The content type that a reference's URI asks for (ECMA-376-2 §13.2.4.3: `?ContentType=`), behind the part's name.
pub fn split_reference(uri: &str) -> (&str, Option<String>) {
    match uri.split_once('?') {
        None => (uri, None),
        Some((name, query)) => {
            let named = query.split('&').find_map(|pair| pair.strip_prefix("ContentType="));
            (name, named.map(percent_decoded))
        }
    }
}

/// The part whose relationships a part holds: `_rels/.rels` those of the package, which is `""`. `None` for any other part.
pub fn source_of(key: &str) -> Option<String> {
    let (folder, file) = key.rsplit_once('/').unwrap_or(("", key));
    let owner = file.strip_suffix(".rels")?;
    let folder = if folder == "_rels" { "" } else { folder.strip_suffix("/_rels")? };
    Some(match (folder, owner) {
        ("", owner) => owner.to_owned(),
        (folder, owner) => format!("{folder}/{owner}"),
    })
}

/// The part that a relationship's target means, seen from its source (RFC 3986 §5.2). `None` where it leads out of the package.
pub fn resolve(source: &str, target: &str) -> Option<String> {
    let target = target.split(['#', '?']).next().unwrap_or_default();
    let mut steps: Vec<&str> = match target.starts_with('/') {
        true => Vec::new(),
        false => source.rsplit_once('/').map(|(folder, _)| folder.split('/').collect()).unwrap_or_default(),
    };
    for step in target.split('/') {
        match step {
            "" | "." => {}
            ".." => drop(steps.pop()?),
            step => steps.push(step),
        }
    }
    Some(key(&steps.join("/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_readers_take_for_one_have_one_form() {
        assert_eq!(key("/Word/Document%2Exml"), "word/document.xml");
        assert_eq!(split_reference("/a.xml?ContentType=text/x+xml"), ("/a.xml", Some("text/x+xml".to_owned())));
        assert_eq!(split_reference("/a.xml"), ("/a.xml", None));
    }

    #[test]
    fn relationships_lead_from_their_source() {
        assert_eq!(source_of("_rels/.rels").as_deref(), Some(""));
        assert_eq!(source_of("word/_rels/document.xml.rels").as_deref(), Some("word/document.xml"));
        assert_eq!(source_of("word/document.xml"), None);
        assert_eq!(resolve("word/document.xml", "../customXml/item1.xml").as_deref(), Some("customxml/item1.xml"));
        assert_eq!(resolve("word/document.xml", "media/a.png").as_deref(), Some("word/media/a.png"));
        assert_eq!(resolve("", "/word/document.xml").as_deref(), Some("word/document.xml"));
        assert_eq!(resolve("document.xml", "../../etc/passwd"), None);
    }
}
