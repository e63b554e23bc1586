//! What each figure means, in both languages: shown where a number is clicked, put into every workbook, and repeated in `docs/reports.md`.

use serde::Serialize;

/// A figure, or something that figures are told by.
#[derive(Clone, Copy, Debug, Serialize, utoipa::ToSchema)]
pub struct Definition {
    /// The stable name, as in JSON and CSV.
    pub name: &'static str,
    pub title_vi: &'static str,
    pub title_en: &'static str,
    pub text_vi: &'static str,
    pub text_en: &'static str,
}

/// The definition of that name.
pub fn definition(name: &str) -> Option<&'static Definition> {
    DEFINITIONS.iter().find(|known| known.name == name)
}

macro_rules! definitions {
    ($($name:literal: $title_vi:literal, $title_en:literal, $text_vi:literal, $text_en:literal;)*) => {
        /// Every definition, in the order of the page.
        pub const DEFINITIONS: &[Definition] = &[$(Definition {
            name: $name, title_vi: $title_vi, title_en: $title_en, text_vi: $text_vi, text_en: $text_en,
        }),*];
    };
}

definitions! {
    "issued": "Đã cấp", "Issued",
        "Số chứng thư có thời điểm bắt đầu hiệu lực (notBefore) trong kỳ. Gia hạn và thay đổi thông tin là một chứng thư mới và được tính thêm một lần. Số hiệu bị hủy trước khi giao không tính.",
        "Certificates that became valid (notBefore) in the period. A renewal or a change of information is a further certificate and counts once more. Serial numbers that were voided before anything was handed out do not count.";
    "revoked": "Thu hồi", "Revoked",
        "Số chứng thư bị thu hồi vĩnh viễn trong kỳ, bất kể cấp khi nào. Chứng thư đang tạm dừng rồi bị thu hồi được tính vào ngày thu hồi, không phải ngày tạm dừng.",
        "Certificates revoked for good in the period, whenever they were issued. One that was suspended and then revoked counts on the day of its revocation, not of its suspension.";
    "total": "Tổng đã cấp", "Issued so far",
        "Số chứng thư đã cấp từ trước đến hết ngày cuối, dù hiện ở trạng thái nào. Bằng tổng của đang hoạt động, tạm dừng, đã thu hồi và hết hạn.",
        "Certificates issued up to the end of the last day, whatever became of them: the sum of active, suspended, revoked so far and expired.";
    "active": "Đang hoạt động", "Active",
        "Số chứng thư vào cuối ngày cuối còn hạn, không bị tạm dừng và không bị thu hồi. Một người có thể có nhiều chứng thư.",
        "Certificates that are within their validity at the end of the last day, neither suspended nor revoked. One person may have several.";
    "suspended": "Tạm dừng", "Suspended",
        "Số chứng thư còn hạn đang bị tạm dừng vào cuối ngày cuối, theo nhật ký kiểm toán.",
        "Certificates within their validity that are suspended at the end of the last day, as the audit log tells.";
    "revoked_total": "Đã thu hồi", "Revoked so far",
        "Số chứng thư đã bị thu hồi vĩnh viễn đến hết ngày cuối, kể cả khi hạn của chúng cũng đã hết.",
        "Certificates revoked for good by the end of the last day, also where their validity has ended since.";
    "expired": "Hết hạn", "Expired",
        "Số chứng thư đã quá hạn (notAfter) vào cuối ngày cuối mà không bị thu hồi.",
        "Certificates whose validity (notAfter) has ended by the end of the last day without a revocation.";
    "type": "Loại", "Type",
        "Loại theo mẫu chứng thư: công dân, cán bộ, con dấu cơ quan, thiết bị, tổ chức thanh toán. Loại không rõ là chứng thư tìm thấy khi đối chiếu sau khôi phục mà không còn hồ sơ.",
        "The type by the certificate's profile: citizen, official, seal of an agency, device, payment provider. Unknown are certificates that a reconciliation found after a restore and whose request is lost.";
    "month": "Tháng", "Month",
        "Tháng dương lịch theo giờ Việt Nam (UTC+7). Tháng cuối chỉ tính đến hết ngày cuối; của ngày hôm nay chỉ tính những gì đã xảy ra.",
        "A calendar month in Vietnam's time (UTC+7). The last month ends with the last day; of today, what has happened counts.";
    "unit": "Đơn vị", "Unit",
        "Đơn vị của gian hàng hoặc cơ quan ghi trong hồ sơ vào ngày lập hồ sơ, chuyển sang đơn vị mà địa bàn thuộc về vào ngày cuối. Nếu địa bàn đã chia cho nhiều đơn vị thì số liệu ở lại tên cũ, ghi là đã chia; nếu không biết đơn vị kế tiếp thì ghi là đã kết thúc. Mỗi chứng thư chỉ tính cho một đơn vị.",
        "The unit of the booth or the agency that the request named on its day, followed to the unit in which its area lies on the last day. Where the area was parted among several, the figures stay under the old name, marked as parted; where nothing is known to have followed, as ended. Each certificate counts towards one unit.";
    "former": "Từ đơn vị cũ", "From a former unit",
        "Trong tổng đã cấp của một đơn vị, số chứng thư mà hồ sơ ghi một đơn vị cũ đã nhập vào đơn vị này. Số này đã nằm trong tổng, không cộng thêm.",
        "Of a unit's certificates issued so far, those whose request named a former unit that has become it. They are in that figure already and are not added.";
    "drafted": "Văn bản soạn", "Drafted",
        "Số văn bản đi được đưa lên hệ thống để ký trong kỳ. Văn bản ký ngoài hệ thống không được biết và không tính.",
        "Outgoing documents that were put on their road in the period. Documents that never came here are not known and do not count.";
    "withdrawn": "Người soạn rút", "Withdrawn",
        "Trong số văn bản soạn trong kỳ, số đã được người soạn rút lại đến hết ngày cuối.",
        "Of those drafted in the period, those that their drafter has taken back by the end of the last day.";
    "refused": "Bị từ chối", "Refused",
        "Trong số văn bản soạn trong kỳ, số đã bị một người trên đường đi từ chối đến hết ngày cuối.",
        "Of those drafted in the period, those that somebody on their road has refused by the end of the last day.";
    "signed": "Đã ký số", "Signed",
        "Trong số văn bản soạn trong kỳ, số đã có đủ chữ ký số của mọi người phải ký đến hết ngày cuối, kể cả khi sau đó bị từ chối.",
        "Of those drafted in the period, those that bear the signature of everybody who was to sign by the end of the last day, also where they were refused later.";
    "numbered": "Đã cho số", "Numbered",
        "Trong số văn bản soạn trong kỳ, số đã được văn thư cho số đến hết ngày cuối.",
        "Of those drafted in the period, those that were given a number by the end of the last day.";
    "sent": "Đã gửi", "Sent",
        "Trong số văn bản soạn trong kỳ, số đã được gửi đi đến hết ngày cuối, kể cả khi sau đó thu hồi.",
        "Of those drafted in the period, those that were sent by the end of the last day, also where they were recalled later.";
    "signed_percent": "Tỷ lệ ký số (%)", "Share signed (%)",
        "Đã ký số chia cho văn bản soạn trừ văn bản người soạn rút, làm tròn một chữ số thập phân. Không có văn bản thì không có tỷ lệ.",
        "Signed, divided by drafted without withdrawn, to one decimal. Without documents there is no share.";
    "sent_percent": "Tỷ lệ gửi (%)", "Share sent (%)",
        "Đã gửi chia cho văn bản soạn trừ văn bản người soạn rút, làm tròn một chữ số thập phân.",
        "Sent, divided by drafted without withdrawn, to one decimal.";
    "registered": "Số trong sổ đi", "Numbers in the register",
        "Số lượng số văn bản đi được cho trong kỳ theo sổ, dù văn bản soạn khi nào. Mọi số trong sổ đều thuộc văn bản đã ký số.",
        "Numbers of the register of outgoing documents given in the period, whenever their documents were drafted. Each belongs to a document that was signed.";
    "registered_void": "Số bị bỏ", "Void numbers",
        "Trong các số được cho trong kỳ, những số hiện không còn văn bản nào mang.",
        "Of the numbers given in the period, those that no document has any more.";
    "requests": "Hồ sơ tại gian hàng", "Requests at booths",
        "Số hồ sơ cấp lần đầu của công dân được nhập tại gian hàng trong kỳ, theo giờ trong ngày ở Việt Nam: giờ 8 là từ 08:00 đến trước 09:00. Hồ sơ gia hạn hoặc thay đổi thông tin không tính.",
        "Citizens' requests for a first certificate entered at booths in the period, by the hour of the day in Vietnam: hour 8 is from 08:00 to before 09:00. Renewals and changes of information do not count.";
    "rank": "Hạng", "Rank",
        "Thứ hạng theo tỷ số chính xác, trước khi làm tròn; bằng nhau thì cùng hạng. Đơn vị chưa có số người trong danh mục có hiệu lực thì không xếp hạng. Thành phố không xếp hạng cùng các đơn vị của mình.",
        "The rank by the exact quotient before it is rounded; equals share a rank. A unit of which no list in force says how many people it has is not ranked, nor is the city beside its own units.";
    "people": "Số người", "People",
        "Số dân (residents) hoặc số cán bộ (officials) của đơn vị theo danh mục đơn vị mới nhất đến ngày cuối có ghi số này. Không lấy số của đơn vị cũ cùng mã.",
        "The residents or officials of the unit as the newest list of units by the last day that has the number says. A number of a former unit of the same code is never used.";
    "citizens_per_thousand": "Chứng thư công dân trên 1.000 dân", "Citizens' certificates for each 1,000 residents",
        "Chứng thư công dân đang hoạt động được cấp qua gian hàng của đơn vị, chia cho số dân, nhân 1.000. Đếm chứng thư, không đếm người; công dân của đơn vị khác cũng có thể đến gian hàng này.",
        "Citizens' active certificates issued through the unit's booths, divided by its residents, times 1,000. Certificates are counted, not people, and people of other units may come to a booth.";
    "officials_per_hundred": "Chứng thư cán bộ trên 100 cán bộ", "Officials' certificates for each 100 officials",
        "Chứng thư cán bộ đang hoạt động của đơn vị, chia cho số cán bộ, nhân 100. Có thể vượt 100 khi một người có nhiều chứng thư.",
        "Officials' active certificates of the unit, divided by its officials, times 100. It can exceed 100 where somebody has several.";
    "open_active": "Dữ liệu mở: đang hoạt động", "Open data: active",
        "Đang hoạt động vào cuối tháng trọn vẹn gần nhất, theo đơn vị có hiệu lực khi đó và theo loại. Số dưới 10, kể cả 0, không công bố; số khác làm tròn xuống bội của 10. Không công bố tổng, nên không thể trừ ra số bị ẩn; chênh lệch giữa hai lần công bố không bao giờ là số người.",
        "Active at the end of the newest whole month, by the unit in force then and by type. Counts below 10, and 0, are not told; others are rounded down to a multiple of 10. No sums are told, so that nothing withheld can be had by subtraction, and what two publications differ by is never a count of persons.";
    "open_issued": "Dữ liệu mở: đã cấp", "Open data: issued",
        "Đã cấp trong từng tháng của mười hai tháng trọn vẹn gần nhất, toàn thành phố, theo loại, với cùng quy tắc: dưới 10 không công bố, còn lại làm tròn xuống bội của 10.",
        "Issued in each of the newest twelve whole months, in the whole city, by type, by the same rule: below 10 is not told, others are rounded down to a multiple of 10.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_for_operators_has_every_definition() {
        let document = include_str!("../../docs/reports.md");
        for definition in DEFINITIONS {
            assert!(document.contains(&format!("`{}`", definition.name)), "{}", definition.name);
            assert!(document.contains(definition.text_en), "{}", definition.name);
        }
        let mut names: Vec<&str> = DEFINITIONS.iter().map(|definition| definition.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), DEFINITIONS.len());
    }
}
