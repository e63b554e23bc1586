registration-title = Hồ sơ đề nghị cấp chứng thư
