//! Signatures in files of their own, by their names: which files may be such, and which file they cover. A guess for convenience; the verdict rests on
//! what the files hold.

/// How such files end.
const ENDINGS: [&str; 11] = ["p7s", "sig", "sign", "tsr", "tst", "xades", "xml", "jws", "jades", "json", "cades"];

/// Whether a file of this name may be a signature over another file.
pub fn may_be(name: &str) -> bool {
    split(name).is_some_and(|(_, ending)| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}

/// Whether, by their names, the signature is over the document: `a.pdf.p7s` or `a.p7s` over `a.pdf`.
pub fn covers(signature: &str, document: &str) -> bool {
    let Some((stem, _)) = split(signature) else { return false };
    let same = |one: &str, other: &str| one.to_lowercase() == other.to_lowercase();
    same(stem, document) || split(document).is_some_and(|(document, _)| same(stem, document))
}

/// The name before its last full stop, and what follows it.
fn split(name: &str) -> Option<(&str, &str)> {
    name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_belongs_together() {
        for (signature, document) in [
            ("a.pdf.p7s", "a.pdf"),
            ("a.p7s", "a.pdf"),
            ("Công văn.PDF.sig", "công văn.pdf"),
            ("a.b.docx.tsr", "a.b.docx"),
        ] {
            assert!(may_be(signature) && covers(signature, document), "{signature}");
        }
        for (signature, document) in [("a.p7s", "b.pdf"), ("a.pdf.p7s", "a.docx"), (".p7s", "a.pdf"), ("p7s", "p7s")] {
            assert!(!covers(signature, document), "{signature}");
        }
        assert!(!may_be("a.pdf") && !may_be("a.p7m") && !may_be("p7s"));
    }
}
