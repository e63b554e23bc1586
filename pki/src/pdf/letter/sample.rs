//! The words of the sample letter: an invented ward writes about signing documents digitally. Plainly marked as a sample, so that
//! nobody takes it for a real document of a real agency.

use super::{Letter, Paragraph, Subject};
use chuky_model::instant::Instant;

/// A letter of four pages. `issued` is the date it bears; without one it is a draft without number and date.
pub fn sample(issued: Option<Instant>) -> Letter {
    let body = BODY.iter().map(|line| match line.strip_prefix('#') {
        Some(heading) => Paragraph::Heading(heading.to_owned()),
        None => Paragraph::Text((*line).to_owned()),
    });
    Letter {
        parent_agency: Some("THÀNH PHỐ HÀ NỘI".to_owned()),
        agency: "ỦY BAN NHÂN DÂN PHƯỜNG HOA SỮA".to_owned(),
        number: issued.map(|_| 15),
        notation: "UBND-VP".to_owned(),
        place: "Hà Nội".to_owned(),
        issued,
        subject: Subject::Dispatch("sử dụng chữ ký số trong giải quyết thủ tục hành chính (văn bản mẫu)".to_owned()),
        addressees: ["Các phòng, ban, đơn vị thuộc phường", "Tổ trưởng các tổ dân phố", "Bộ phận Một cửa phường"]
            .map(str::to_owned)
            .to_vec(),
        body: body.collect(),
        recipients: [
            "Như trên",
            "Thường trực Đảng ủy, HĐND phường (để b/c)",
            "Chủ tịch, các Phó Chủ tịch",
            "Lưu: VT, VP",
        ]
        .map(str::to_owned)
        .to_vec(),
        authority: vec!["TM. ỦY BAN NHÂN DÂN".to_owned()],
        position: "CHỦ TỊCH".to_owned(),
        full_name: "Trần Thị Hồng Ưởng".to_owned(),
    }
}

const BODY: &[&str] = &[
    "Văn bản này là văn bản mẫu, dùng để thử nghiệm việc ký số và kiểm tra chữ ký số; phường Hoa Sữa, các đơn vị và người được \
     nêu tên đều không có thật và nội dung không có giá trị hành chính.",
    "Thực hiện Luật Giao dịch điện tử số 20/2023/QH15, Nghị định số 30/2020/NĐ-CP ngày 05 tháng 3 năm 2020 của Chính phủ về công \
     tác văn thư và Nghị định số 68/2024/NĐ-CP ngày 25 tháng 6 năm 2024 của Chính phủ quy định về chữ ký số chuyên dùng công vụ, \
     nhằm đẩy mạnh cải cách hành chính và nâng cao chất lượng phục vụ Nhân dân, Ủy ban nhân dân phường yêu cầu các phòng, ban, \
     đơn vị thực hiện một số nội dung sau đây:",
    "#1. Về ký số văn bản đi",
    "a) Văn bản thuộc thẩm quyền ban hành của Ủy ban nhân dân phường được soạn thảo, trình, ký số và phát hành hoàn toàn trên môi \
     trường điện tử, trừ văn bản thuộc danh mục bí mật nhà nước và những trường hợp pháp luật quy định phải có bản giấy.",
    "b) Người có thẩm quyền ký số trước; văn thư cấp số, thời gian ban hành rồi ký số của cơ quan. Hình ảnh chữ ký số của người \
     có thẩm quyền là hình ảnh chữ ký trên văn bản giấy, màu xanh, đặt canh giữa chức vụ và họ tên người ký. Hình ảnh chữ ký số \
     của cơ quan là hình ảnh dấu của cơ quan, màu đỏ, kích thước bằng kích thước thực tế của dấu, trùm lên khoảng một phần ba hình \
     ảnh chữ ký số của người có thẩm quyền về bên trái.",
    "c) Mỗi lần ký chỉ được bổ sung vào văn bản, không làm thay đổi nội dung mà người ký trước đã ký. Văn bản bị sửa sau khi ký \
     phải được nhận biết và không được sử dụng.",
    "d) Thời gian ký thể hiện đầy đủ ngày, tháng, năm, giờ, phút, giây và múi giờ Việt Nam, ví dụ: 15/04/2023 09:30:05 +07:00. Giá \
     trị pháp lý của thời điểm ký được xác định theo dấu thời gian do tổ chức có thẩm quyền cấp.",
    "#2. Về tiếp nhận hồ sơ có chữ ký số của công dân, tổ chức",
    "a) Bộ phận Một cửa tiếp nhận đơn, tờ khai đã được công dân ký số như đơn, tờ khai ký trên giấy; không yêu cầu công dân nộp thêm \
     bản giấy có chữ ký tay đối với cùng một giấy tờ.",
    "b) Trước khi tiếp nhận, công chức phải kiểm tra chữ ký số. Kết quả kiểm tra có ba mức: hợp lệ; không hợp lệ; chưa xác định được. \
     Trường hợp chưa xác định được, công chức nêu rõ còn thiếu thông tin gì và hướng dẫn công dân cách bổ sung, không được \
     từ chối hồ sơ chỉ vì phần mềm chưa kết luận.",
    "c) Hình ảnh chữ ký chèn vào văn bản không phải là chữ ký số. Công chức không căn cứ vào hình ảnh để kết luận văn bản đã được ký.",
    "d) Phí, lệ phí được thanh toán trực tuyến; biên lai điện tử được gửi tới công dân ngay sau khi giao dịch thành công. Mức thu \
     đối với các thủ tục trực tuyến là 0 đồng theo nghị quyết của Hội đồng nhân dân Thành phố; các khoản thu hộ khác (nếu có), \
     ví dụ 45.000 ₫ tiền chuyển phát, phải được công khai trước khi nộp hồ sơ.",
    "#3. Về cấp chữ ký số cho công dân",
    "a) Phường bố trí điểm hỗ trợ tại Bộ phận Một cửa trong giờ hành chính và tại nhà văn hóa tổ dân phố vào sáng thứ Bảy hằng tuần. \
     Công dân mang theo thẻ căn cước; cán bộ hỗ trợ kiểm tra thông tin, công dân tự xác nhận nội dung sẽ ghi trên chứng thư chữ ký số.",
    "b) Khóa ký được tạo và giữ trong thiết bị bảo mật. Công dân tự đặt mã PIN trên thiết bị của mình; không ai được biết, yêu cầu \
     cung cấp hay đặt mã PIN thay công dân. Khi quên mã PIN, công dân đề nghị cấp khóa và chứng thư mới.",
    "c) Người cao tuổi, người khuyết tật và người gặp khó khăn về đi lại được cán bộ phường đến hỗ trợ tại nơi ở theo đề nghị; việc \
     hỗ trợ không làm thay đổi nguyên tắc công dân tự giữ mã PIN và tự quyết định việc ký.",
    "#4. Về bảo vệ thông tin cá nhân và an toàn thông tin",
    "a) Thông tin cá nhân của công dân chỉ được dùng cho việc cấp, quản lý chứng thư và giải quyết thủ tục. Nghiêm cấm sao chép, \
     chụp lại, lưu giữ thẻ căn cước hoặc dữ liệu của công dân trên thiết bị cá nhân.",
    "b) Khi nghi ngờ khóa ký bị lộ, mất thiết bị hoặc có dấu hiệu bị lợi dụng, người được cấp chứng thư báo ngay cho đầu mối của phường \
     để đề nghị tạm dừng hoặc thu hồi chứng thư. Đầu mối tiếp nhận 24 giờ mỗi ngày, kể cả ngày nghỉ.",
    "c) Mọi thao tác cấp, tạm dừng, thu hồi chứng thư và ký văn bản được ghi nhật ký; nhật ký không được sửa, xóa.",
    "#5. Về chế độ báo cáo",
    "Trước ngày 25 hằng tháng, các phòng, ban, đơn vị báo cáo số lượng văn bản đã ký số, số hồ sơ có chữ ký số của công dân đã tiếp nhận, \
     số hồ sơ phải từ chối và lý do. Báo cáo gửi qua hệ thống báo cáo số của phường, không gửi bản giấy.",
    "#6. Tổ chức thực hiện",
    "a) Văn phòng Hội đồng nhân dân và Ủy ban nhân dân phường là đầu mối theo dõi, đôn đốc; hướng dẫn nghiệp vụ văn thư và tổng hợp kết \
     quả, báo cáo Chủ tịch Ủy ban nhân dân phường.",
    "b) Tổ công nghệ số cộng đồng phối hợp với các tổ dân phố tuyên truyền, hướng dẫn Nhân dân sử dụng chữ ký số khi thực hiện thủ tục \
     hành chính, giao kết hợp đồng và thanh toán trực tuyến.",
    "c) Thủ trưởng các phòng, ban, đơn vị chịu trách nhiệm trước Ủy ban nhân dân phường về việc thực hiện các nội dung nêu trên. Trong \
     quá trình thực hiện, nếu có khó khăn, vướng mắc, đề nghị phản ánh về Văn phòng để được hướng dẫn, giải quyết.",
    "Ủy ban nhân dân phường yêu cầu các phòng, ban, đơn vị nghiêm túc triển khai thực hiện./.",
];
