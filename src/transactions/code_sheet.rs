//! Printed sheets of merchants' QR codes, a page a shop. It composes blocks and knows nothing of who may print what.

use super::merchant::AccountView;
use crate::{
    config::Settings,
    error::{InternalError, Result},
    reports::squares,
};
use chuky_model::instant::Instant;
use chuky_pki::pdf::{
    letter::sheet::{Block, compose},
    typeface::Typefaces,
};
use std::path::Path;

/// The sheets of these accounts as one PDF.
pub async fn sheets(settings: &Settings, accounts: Vec<AccountView>, at: Instant) -> Result<Vec<u8>> {
    let fonts = settings.fonts_dir.clone();
    let address = format!("{}/qr", settings.public_url);
    let composed = tokio::task::spawn_blocking(move || pdf(&accounts, &fonts, &address, at));
    composed.await.map_err(|error| InternalError::other(error.to_string()))?
}

fn pdf(accounts: &[AccountView], fonts: &Path, address: &str, at: Instant) -> Result<Vec<u8>> {
    let mut blocks = Vec::new();
    for account in accounts {
        if !blocks.is_empty() {
            blocks.push(Block::NewPage);
        }
        page(&mut blocks, account, address)?;
    }
    let typefaces = typefaces(fonts)?;
    let title = ("Mã QR thanh toán có chữ ký", "Chuky");
    Ok(compose(&blocks, &typefaces, title, at).map_err(|error| InternalError::other(error.to_string()))?)
}

fn page(blocks: &mut Vec<Block>, account: &AccountView, address: &str) -> Result<()> {
    let bank = account.bank_name.as_deref().unwrap_or(&account.bank);
    let fact = |name: &str, value: &str| Block::Fact(name.to_owned(), value.to_owned());
    blocks.push(Block::Title(account.shop.clone()));
    blocks.push(Block::Rule);
    blocks.push(squares(&account.payload)?);
    blocks.push(Block::Title(account.number.clone()));
    blocks.push(Block::Title(bank.to_owned()));
    blocks.push(Block::Rule);
    blocks.push(fact("Chủ tài khoản / Whose account", &account.holder));
    blocks.push(fact("Ngân hàng / Bank", &format!("{bank} ({})", account.bank)));
    blocks.push(fact("Ngày ký / Signed", &day(&account.created)));
    blocks.push(Block::Rule);
    for (vi, en) in INSTRUCTIONS {
        blocks.push(Block::Text((*vi).to_owned()));
        blocks.push(Block::Second((*en).to_owned()));
    }
    blocks.push(Block::Heading("Kiểm tra mã / Check the code".to_owned()));
    blocks.push(squares(address)?);
    blocks.push(Block::Title(address.to_owned()));
    Ok(())
}

fn day(rfc3339: &str) -> String {
    let at = Instant::parse_rfc3339(rfc3339).map(Instant::vietnamese).unwrap_or_default();
    at.split(' ').next().unwrap_or_default().to_owned()
}

fn typefaces(fonts: &Path) -> Result<Typefaces> {
    let font = |name: &str| {
        let path = fonts.join(format!("LiberationSans-{name}.ttf"));
        std::fs::read(&path).map_err(InternalError::io(path.display().to_string()))
    };
    let parsed = Typefaces::parse(font("Regular")?, font("Bold")?, font("Italic")?, font("BoldItalic")?);
    Ok(parsed.map_err(|error| InternalError::other(format!("fonts.directory: {error}")))?)
}

const INSTRUCTIONS: &[(&str, &str)] = &[
    (
        "Quét mã bằng ứng dụng ngân hàng như mọi mã VietQR. Trước khi chuyển tiền, so tên hiện trên ứng dụng với tên chủ tài khoản ở trên.",
        "Scan with any bank's app, as every VietQR code. Before paying, compare the name that the app shows with the one above.",
    ),
    (
        "Mã này mang chữ ký số của chủ tài khoản. Nghi ngờ mã bị dán đè? Mở trang dưới đây và chụp mã: trang cho biết tài khoản thật sự là của ai.",
        "This code carries its owner's digital signature. Pasted over? Open the page below and photograph the code: it says whose account it really is.",
    ),
];

/// Sheets in one PDF: a street.
pub const MOST_SHEETS: usize = 100;
