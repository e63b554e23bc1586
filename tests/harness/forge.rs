//! Documents that were changed after they were signed.

use lopdf::{Document, IncrementalDocument, Object, Stream, dictionary};

/// A copy with one more revision, which writes a line of text 72 by 600 points from the corner of the first page.
pub fn altered(signed: &[u8], text: &str) -> Vec<u8> {
    let mut update = IncrementalDocument::create_from(signed.to_vec(), Document::load_mem(signed).unwrap());
    let page = update.get_prev_documents().page_iter().next().unwrap();
    update.opt_clone_object_to_new_document(page).unwrap();
    let font = update
        .new_document
        .add_object(dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Helvetica" });
    let content = format!("q BT /FX 18 Tf 72 600 Td ({text}) Tj ET Q");
    let content = update.new_document.add_object(Stream::new(dictionary! {}, content.into_bytes()));
    let page = update.new_document.get_object_mut(page).unwrap().as_dict_mut().unwrap();
    let before = match page.get(b"Contents") {
        Ok(Object::Array(list)) => list.clone(),
        Ok(one) => vec![one.clone()],
        Err(_) => Vec::new(),
    };
    page.set("Contents", [before, vec![content.into()]].concat());
    let mut fonts =
        page.get(b"Resources").and_then(|all| all.as_dict()?.get(b"Font")?.as_dict()).cloned().unwrap_or_default();
    fonts.set("FX", font);
    match page.get_mut(b"Resources").and_then(Object::as_dict_mut) {
        Ok(resources) => resources.set("Font", fonts),
        Err(_) => page.set("Resources", dictionary! { "Font" => fonts }),
    }
    let mut bytes = Vec::new();
    update.save_to(&mut bytes).unwrap();
    bytes
}
