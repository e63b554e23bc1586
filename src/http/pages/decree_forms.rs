//! The forms of Decree 68/2024/NĐ-CP as printed sheets, in Vietnamese as they are handed in. Titles and fields are those that are known; the
//! layout is ours, and each sheet says so.

use super::{Frame, certificate::day_on_screen, certificate::grouped_digits};
use crate::{
    issuance::revocation::OrderDetail,
    registration::{
        Details,
        forms::{FormContent, FormNumber},
    },
};
use chuky_model::{instant::Instant, person::Sex, request::Hierarchy, text::Language};
use chuky_pki::pdf::letter::sheet::Block;

/// The sheets of these forms, each on a page of its own.
pub fn sheets(forms: &[FormContent], at: Instant) -> Vec<Block> {
    let mut blocks = Vec::new();
    for form in forms {
        if !blocks.is_empty() {
            blocks.push(Block::NewPage);
        }
        let details = &form.details;
        head(&mut blocks, form.number, &details.organization);
        match form.number {
            FormNumber::Organization => organization(&mut blocks, details),
            FormNumber::Device => device(&mut blocks, details),
            FormNumber::Person | FormNumber::Change | FormNumber::Revocation => {}
        }
        person(&mut blocks, form.number, details);
        if let Some(serial) = &form.follows {
            blocks.push(Block::Heading("Chứng thư đang dùng".to_owned()));
            fact(&mut blocks, "Số chứng thư", serial);
            fact(&mut blocks, "Đề nghị", if details.replaces.is_some() { "Thay đổi thông tin" } else { "Gia hạn" });
        }
        foot(&mut blocks, at);
    }
    blocks
}

/// The form of an order's officials' certificates; none where it has no official's.
pub fn revocation_sheet(detail: &OrderDetail, at: Instant) -> Option<Vec<Block>> {
    let words = Frame::new(Language::Vi, "");
    let lines: Vec<_> = detail.lines.iter().filter(|line| line.hierarchy == Hierarchy::Officials).collect();
    if lines.is_empty() {
        return None;
    }
    let mut blocks = Vec::new();
    head(&mut blocks, FormNumber::Revocation, "");
    blocks.push(Block::Heading("Lý do thu hồi".to_owned()));
    fact(&mut blocks, "Lý do", &words.name_of("reason", &name_of_reason(detail.order.reason)));
    fact(&mut blocks, "Căn cứ", &words.name_of("ground", &detail.order.ground));
    if let Some(since) = &detail.order.invalid_since {
        fact(
            &mut blocks,
            "Không còn tin cậy từ",
            &Instant::parse_rfc3339(since).map(Instant::vietnamese).unwrap_or_default(),
        );
    }
    blocks.push(Block::Heading("Chứng thư đề nghị thu hồi".to_owned()));
    for line in lines {
        fact(&mut blocks, &line.common_name, &line.serial);
    }
    foot(&mut blocks, at);
    Some(blocks)
}

fn head(blocks: &mut Vec<Block>, number: FormNumber, agency: &str) {
    let (asked, about) = title(number);
    blocks.push(Block::Title("CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM".to_owned()));
    blocks.push(Block::Title("Độc lập - Tự do - Hạnh phúc".to_owned()));
    blocks.push(Block::Rule);
    fact(blocks, "Mẫu số", &format!("{:02} (Nghị định 68/2024/NĐ-CP)", number as u8));
    blocks.push(Block::Title(asked.to_owned()));
    blocks.push(Block::Title(about.to_owned()));
    fact(blocks, "Kính gửi", "Cục Chứng thực số và Bảo mật thông tin, Ban Cơ yếu Chính phủ");
    if !agency.is_empty() {
        fact(blocks, "Cơ quan, tổ chức đề nghị", agency);
    }
}

fn title(number: FormNumber) -> (&'static str, &'static str) {
    match number {
        FormNumber::Person => ("ĐỀ NGHỊ CẤP CHỨNG THƯ CHỮ KÝ SỐ", "cho cá nhân"),
        FormNumber::Organization => ("ĐỀ NGHỊ CẤP CHỨNG THƯ CHỮ KÝ SỐ", "cho cơ quan, tổ chức"),
        FormNumber::Device => ("ĐỀ NGHỊ CẤP CHỨNG THƯ CHỮ KÝ SỐ", "cho thiết bị, dịch vụ, phần mềm"),
        FormNumber::Change => ("ĐỀ NGHỊ CHỨNG THƯ CHỮ KÝ SỐ", "gia hạn, thay đổi nội dung thông tin"),
        FormNumber::Revocation => ("ĐỀ NGHỊ THU HỒI", "chứng thư chữ ký số"),
    }
}

fn organization(blocks: &mut Vec<Block>, details: &Details) {
    blocks.push(Block::Heading("Thông tin cơ quan, tổ chức".to_owned()));
    fact(blocks, "Tên trong chứng thư", details.common_name());
    fact(blocks, "Mã số thuế", &details.tax_code);
    place(blocks, details);
}

fn device(blocks: &mut Vec<Block>, details: &Details) {
    blocks.push(Block::Heading("Thông tin thiết bị, dịch vụ, phần mềm".to_owned()));
    fact(blocks, "Tên", details.common_name());
    fact(blocks, "Số hiệu", &details.device_serial);
    fact(blocks, "Mã số thuế của cơ quan", &details.tax_code);
    place(blocks, details);
}

/// The subscriber; of a seal or device who answers for it.
fn person(blocks: &mut Vec<Block>, number: FormNumber, details: &Details) {
    let answers = matches!(number, FormNumber::Organization | FormNumber::Device);
    blocks.push(Block::Heading(if answers { "Người quản lý thuê bao" } else { "Thông tin thuê bao" }.to_owned()));
    fact(blocks, "Họ và tên", &details.full_name);
    fact(blocks, "Số định danh cá nhân", &grouped_digits(details.personal_number.reveal()));
    fact(blocks, "Ngày sinh", &day_on_screen(&details.birth_date));
    fact(blocks, "Giới tính", if details.sex == Sex::Female { "Nữ" } else { "Nam" });
    fact(blocks, "Chức vụ", &details.title);
    fact(blocks, "Phòng, ban", &details.organizational_unit);
    fact(blocks, "Số điện thoại", &details.phone);
    if !answers {
        place(blocks, details);
    }
}

fn place(blocks: &mut Vec<Block>, details: &Details) {
    fact(blocks, "Phường, xã", &details.locality);
    fact(blocks, "Tỉnh, thành phố", &details.province);
}

fn foot(blocks: &mut Vec<Block>, at: Instant) {
    let day = at.in_vietnam().map(|moment| (moment.day(), u8::from(moment.month()), moment.year()));
    let (day, month, year) = day.unwrap_or_default();
    blocks.push(Block::Rule);
    fact(blocks, "Ngày lập", &format!("ngày {day:02} tháng {month:02} năm {year}"));
    blocks.push(Block::SignHere("Người đề nghị".to_owned()));
    blocks.push(Block::SignHere("Xác nhận của cơ quan, tổ chức quản lý".to_owned()));
    blocks.push(Block::Second(OWN_LAYOUT.to_owned()));
}

/// As the texts of the pages name it.
fn name_of_reason(reason: chuky_pki::crl::Reason) -> String {
    serde_json::to_value(reason).ok().and_then(|name| name.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A line that says nothing is left out.
fn fact(blocks: &mut Vec<Block>, name: &str, value: &str) {
    if !value.is_empty() {
        blocks.push(Block::Fact(name.to_owned(), value.to_owned()));
    }
}

const OWN_LAYOUT: &str = "Do Chuky điền từ hồ sơ. Bố cục không phải bản gốc của biểu mẫu: hãy đối chiếu với mẫu ban hành kèm Nghị định 68/2024/NĐ-CP trước khi gửi.";
