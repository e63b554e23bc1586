//! What a ceremony prints: a sheet for each custodian with a share to type and to scan, and the record, Vietnamese first. It composes
//! blocks; the shares pass through and are kept nowhere.

use super::{
    plan::{Plan, SetPlan},
    record::{Record, What},
};
use crate::{
    config::Settings,
    custodians::purpose_in_words,
    error::{InternalError, Result},
};
use chuky_hsm::share::{Purpose, Share};
use chuky_model::instant::Instant;
use chuky_pki::pdf::{
    letter::sheet::{Block, compose},
    typeface::Typefaces,
};
use qrcode::{Color, EcLevel, QrCode};
use std::fs;
use zeroize::Zeroizing;

/// The typefaces of printed sheets.
pub fn typefaces(settings: &Settings) -> Result<Typefaces> {
    let font = |name: &str| {
        let path = settings.fonts_dir.join(format!("LiberationSerif-{name}.ttf"));
        fs::read(&path).map_err(InternalError::io(path.display().to_string()))
    };
    let parsed = Typefaces::parse(font("Regular")?, font("Bold")?, font("Italic")?, font("BoldItalic")?);
    Ok(parsed.map_err(|error| InternalError::other(format!("fonts.directory: {error}")))?)
}

/// A custodian's sheet as PDF, with the name of its file.
pub(super) fn sheet(
    share: &Share,
    set: &SetPlan,
    plan: &Plan,
    typefaces: &Typefaces,
    at: Instant,
) -> Result<(String, Zeroizing<Vec<u8>>)> {
    let text = share.to_text();
    let (vi, en) = purpose_in_words(share.purpose);
    let Share { index, count, threshold, .. } = share;
    let name = set.custodians.get(usize::from(index.saturating_sub(1))).map_or("", String::as_str);
    let groups: Vec<&str> = text.split('-').collect();
    let lines = groups.chunks(6).map(|line| line.join("   ")).collect();
    let mut blocks = vec![
        Block::Title(format!("MẢNH KHÓA SỐ {index} TRONG {count}{}", test_mark(plan.test))),
        Block::Second(format!("Key share {index} of {count}")),
        Block::Rule,
        Block::Fact("Người giữ / Custodian".to_owned(), name.to_owned()),
        Block::Fact("Dùng để mở / Opens".to_owned(), format!("{vi} / {en}")),
        Block::Fact(
            "Cần có / Needed".to_owned(),
            format!("{threshold} trong {count} mảnh / {threshold} of {count} shares"),
        ),
        Block::Fact("Bộ / Set".to_owned(), hex::encode(share.set)),
        Block::Fact("Ngày / Date".to_owned(), at.vietnamese()),
        Block::Rule,
        Block::Heading("Mảnh khóa / The share".to_owned()),
        Block::Groups(lines),
    ];
    blocks.push(squares(&text)?);
    for (vi, en) in INSTRUCTIONS {
        blocks.push(Block::Text((*vi).to_owned()));
        blocks.push(Block::Second((*en).to_owned()));
    }
    blocks.push(Block::SignHere(format!("Đã nhận / Received: {name}")));
    let pdf = compose(&blocks, typefaces, ("Mảnh khóa", "Chuky"), at);
    let pdf = pdf.map_err(|error| InternalError::other(error.to_string()))?;
    Ok((format!("{}-{index}-of-{count}.pdf", file_name(share.purpose)), Zeroizing::new(pdf)))
}

/// The record as PDF.
pub(super) fn record(record: &Record, sha256: &str, typefaces: &Typefaces, at: Instant) -> Result<Vec<u8>> {
    let what = match record.what {
        What::First => ("BIÊN BẢN LỄ TẠO KHÓA", "Record of the key ceremony"),
        What::RollOver => ("BIÊN BẢN LỄ CHUYỂN TIẾP KHÓA", "Record of the roll-over ceremony"),
    };
    let fact = |name: &str, value: &str| Block::Fact(name.to_owned(), value.to_owned());
    let mut blocks = vec![
        Block::Title(format!("{}{}", what.0, test_mark(record.test))),
        Block::Second(what.1.to_owned()),
        Block::Rule,
        fact("Thời điểm / Held at", &format!("{} ({})", at.vietnamese(), record.held_at)),
        fact("Địa điểm / Place", record.place.as_deref().unwrap_or("–")),
        fact("Phần mềm / Software", &record.software),
        fact("SHA-256 chương trình / of the program", &grouped(&record.program_sha256)),
        fact("SHA-256 tệp mô tả / of the file", &grouped(&record.file_sha256)),
        fact("SHA-256 biên bản JSON / of the JSON record", &grouped(sha256)),
        Block::Heading("Khóa và chứng thư đã tạo / Keys and certificates made".to_owned()),
    ];
    for key in &record.keys {
        blocks.push(Block::Heading(format!("{} ({})", key.label, key.purpose)));
        if !key.token.is_empty() {
            blocks.push(fact("Thiết bị khóa / Token", &key.token));
        }
        blocks.push(fact("SHA-256 khóa / of the key", &grouped(&key.public_key_sha256)));
        let Some(line) = &key.certificate else { continue };
        blocks.push(fact("Chủ thể / Subject", &line.subject));
        blocks.push(fact("Bên cấp / Issuer", &line.issuer));
        blocks.push(fact("Số / Serial", &grouped(&line.serial)));
        blocks.push(fact("Hiệu lực / Valid", &format!("{} – {}", line.not_before, line.not_after)));
        blocks.push(fact("SHA-256 chứng thư / of the certificate", &grouped(&line.sha256)));
    }
    if !record.custody.is_empty() {
        blocks.push(Block::Heading("Người giữ mảnh khóa / Custodians".to_owned()));
    }
    for set in &record.custody {
        let (needed, count) = (set.threshold, set.custodians.len());
        blocks.push(fact(
            &format!("{} ({})", set.purpose, set.set),
            &format!("{needed}/{count}: {}", set.custodians.join(", ")),
        ));
    }
    blocks.push(Block::Heading("Những người có mặt / Those present".to_owned()));
    blocks.push(Block::Text("Ký xác nhận đã đối chiếu các giá trị SHA-256 trên với màn hình.".to_owned()));
    blocks.push(Block::Second("Each signs for having compared the SHA-256 values above with the screen.".to_owned()));
    blocks.extend(record.present.iter().map(|person| Block::SignHere(format!("{} ({})", person.name, person.role))));
    if record.present.is_empty() {
        blocks.push(Block::SignHere("Họ tên / Name:".to_owned()));
    }
    let pdf = compose(&blocks, typefaces, (what.0, "Chuky"), at);
    Ok(pdf.map_err(|error| InternalError::other(error.to_string()))?)
}

/// Digests in groups of eight, which eyes can compare.
fn grouped(hex: &str) -> String {
    let letters: Vec<char> = hex.chars().collect();
    letters.chunks(8).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

fn squares(text: &str) -> Result<Block> {
    let code = QrCode::with_error_correction_level(text, EcLevel::M);
    let code = code.map_err(|error| InternalError::other(format!("QR code: {error}")))?;
    Ok(Block::Squares(code.width(), code.to_colors().iter().map(|color| *color == Color::Dark).collect()))
}

fn file_name(purpose: Purpose) -> String {
    match purpose {
        Purpose::Pepper(version) => format!("pepper-{version}"),
        other => other.name().replace('_', "-"),
    }
}

fn test_mark(test: bool) -> &'static str {
    if test { " (TEST)" } else { "" }
}

const INSTRUCTIONS: &[(&str, &str)] = &[
    (
        "Giữ tờ này trong phong bì niêm phong, tại nơi chỉ mình bạn mở được. Không chụp ảnh, không sao chép, không gửi qua mạng. \
         Một mình mảnh này không mở được gì.",
        "Keep this sheet in a sealed envelope where only you can open it. No photographs, no copies, nothing over a network. \
         By itself this share opens nothing.",
    ),
    (
        "Khi được mời, bạn tự gõ các nhóm trên hoặc quét mã QR; chữ hoa hay thường, có dấu cách hay không đều được. \
         Nếu gõ sai, máy báo ngay mảnh nào sai.",
        "When you are called, type the groups yourself or scan the code; case and spaces do not matter. A mistyped share is \
         named at once.",
    ),
    (
        "Nếu tờ này mất, rách hoặc có thể đã bị người khác xem: báo ngay cho cán bộ an ninh. Khi bạn thôi nhiệm vụ, bàn giao có \
         biên bản.",
        "If the sheet is lost, torn or may have been seen by somebody else, tell the security officer at once. When you leave \
         your duty, hand it over in writing.",
    ),
];
