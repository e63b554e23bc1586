//! The two printed sheets of an official without a telephone: the code, and the second secret. Each says in five lines what to do. In Vietnamese
//! first, as all that is printed.

use super::{Frame, texts};
use crate::{
    error::{RequestError, Result},
    registration::{
        Details,
        lists::{CodeSheet, ConfirmationSheet},
    },
    reports::squares,
};
use chuky_pki::pdf::letter::sheet::Block;

/// The sheets with codes, one a person.
pub fn codes(sheets: &[CodeSheet], origin: &str) -> Result<Vec<Block>> {
    let address = format!("{}/activate", origin.trim_end_matches('/'));
    let mut blocks = Vec::new();
    for sheet in sheets {
        let code = sheet.code.grouped();
        head(&mut blocks, ("PHIẾU KÍCH HOẠT CHỮ KÝ SỐ", "Activation sheet"), &sheet.details);
        // The code stands behind `#`, which browsers never send.
        blocks.push(squares(&format!("{address}#{code}"))?);
        blocks.push(Block::Groups(vec![code]));
        let until = texts::screen_instant(sheet.expires_at);
        steps(
            &mut blocks,
            [
                (
                    "Nhận phiếu xác nhận từ người duyệt danh sách; phiếu này một mình không đủ.".to_owned(),
                    "Get the confirmation sheet from who approved the list; this one alone is not enough.".to_owned(),
                ),
                (
                    format!("Quét mã bằng điện thoại hoặc máy tính của bạn, hoặc mở {address} và gõ mã."),
                    format!("Scan the code with your own device, or open {address} and type it."),
                ),
                (
                    "Đọc kỹ nội dung chứng thư; sai thì bấm Từ chối.".to_owned(),
                    "Read what the certificate will say; refuse it where it is wrong.".to_owned(),
                ),
                (
                    "Nhập mã xác nhận, chọn mật khẩu và mã PIN của riêng bạn.".to_owned(),
                    "Enter the confirmation code, choose a password and a PIN of your own.".to_owned(),
                ),
                (
                    format!("Làm trước {until}, rồi hủy phiếu. Không đưa mã cho ai."),
                    format!("Do it before {until}, then destroy the sheet. Give the code to nobody."),
                ),
            ],
        );
    }
    Ok(blocks)
}

/// The sheets with second secrets, one a person.
pub fn confirmations(sheets: &[ConfirmationSheet]) -> Vec<Block> {
    let mut blocks = Vec::new();
    for sheet in sheets {
        head(&mut blocks, ("PHIẾU XÁC NHẬN", "Confirmation sheet"), &sheet.details);
        let (first, second) = sheet.digits.split_at_checked(4).unwrap_or((&sheet.digits, ""));
        blocks.push(Block::Groups(vec![format!("{first} {second}")]));
        let step = |vi: &str, en: &str| (vi.to_owned(), en.to_owned());
        steps(
            &mut blocks,
            [
                step(
                    "Chỉ nhận phiếu này từ người duyệt danh sách, sau khi đã xuất trình giấy tờ.",
                    "Take this sheet from who approved the list alone, after showing your papers.",
                ),
                step(
                    "Nhận phiếu kích hoạt từ nơi lập danh sách.",
                    "Get the activation sheet from the place that made the list.",
                ),
                step(
                    "Không đưa hai phiếu cho cùng một người, kể cả cán bộ.",
                    "Give the two sheets to no one person, not even to staff.",
                ),
                step(
                    "Gõ 8 chữ số trên khi trang kích hoạt hỏi mã xác nhận.",
                    "Type the 8 digits above where the activation page asks for the confirmation code.",
                ),
                step("Kích hoạt xong thì hủy phiếu.", "Destroy the sheet when you have activated."),
            ],
        );
    }
    blocks
}

/// A page of those for whom there is no sheet, and why; nothing where there are none.
pub fn left_out(people: &[(Details, RequestError)]) -> Vec<Block> {
    if people.is_empty() {
        return Vec::new();
    }
    let mut blocks = vec![
        Block::NewPage,
        Block::Title("KHÔNG CÓ PHIẾU".to_owned()),
        Block::Second("No sheet was made for these people; what they were given before stays as it is".to_owned()),
        Block::Rule,
    ];
    for (details, why) in people {
        blocks.push(Block::Heading(details.full_name.clone()));
        blocks.push(Block::Text(why.detail.vi.clone()));
        blocks.push(Block::Second(why.detail.en.clone()));
    }
    blocks
}

fn head(blocks: &mut Vec<Block>, (vi, en): (&str, &str), details: &Details) {
    if !blocks.is_empty() {
        blocks.push(Block::NewPage);
    }
    let words = Frame::new(chuky_model::text::Language::Vi, "");
    blocks.push(Block::Title(vi.to_owned()));
    blocks.push(Block::Second(en.to_owned()));
    blocks.push(Block::Rule);
    for (key, value) in [
        ("content-common-name", &details.full_name),
        ("content-title", &details.title),
        ("content-organizational-unit", &details.organizational_unit),
        ("content-organization", &details.organization),
    ] {
        if !value.is_empty() {
            blocks.push(Block::Fact(words.say(key), value.clone()));
        }
    }
    blocks.push(Block::Rule);
}

fn steps(blocks: &mut Vec<Block>, steps: [(String, String); 5]) {
    blocks.push(Block::Heading("Cách làm / What to do".to_owned()));
    for (number, (vi, en)) in (1..).zip(steps) {
        blocks.push(Block::Text(format!("{number}. {vi}")));
        blocks.push(Block::Second(en));
    }
}
