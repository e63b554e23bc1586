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

/// A copy of an archive with one more file, stored, behind the others.
pub fn with_file(archive: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    let end = archive.len() - 22;
    let number = |at: usize| u32::from_le_bytes(archive[at..at + 4].try_into().unwrap());
    let (size, place) = (number(end + 12), number(end + 16));
    let count = u16::from_le_bytes(archive[end + 10..end + 12].try_into().unwrap()) + 1;
    let mut fields = vec![20, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    fields.extend(checksum(content).to_le_bytes());
    fields.extend([u32::try_from(content.len()).unwrap().to_le_bytes(); 2].concat());
    fields.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
    fields.extend([0, 0]);
    let local = [b"PK\x03\x04", fields.as_slice(), name.as_bytes(), content].concat();
    let record = [b"PK\x01\x02\x14\0", fields.as_slice(), &[0; 10], &place.to_le_bytes(), name.as_bytes()].concat();
    let moved = place + u32::try_from(local.len()).unwrap();
    let larger = size + u32::try_from(record.len()).unwrap();
    let last = [&count.to_le_bytes()[..], &count.to_le_bytes(), &larger.to_le_bytes(), &moved.to_le_bytes(), &[0, 0]];
    let (before, directory) = archive[..end].split_at(usize::try_from(place).unwrap());
    [before, &local, directory, &record, b"PK\x05\x06\0\0\0\0", &last.concat()].concat()
}

/// CRC-32 (APPNOTE 4.4.7).
fn checksum(content: &[u8]) -> u32 {
    let next = |sum: u32| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 };
    !content.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| next(sum)))
}
