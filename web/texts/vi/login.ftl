login-title = Đăng nhập
login-lead = Dùng tên đăng nhập bạn đã đặt khi kích hoạt chữ ký, hoặc tài khoản cơ quan đã cấp.
login-button = Đăng nhập
login-new = Đã có mã kích hoạt nhưng chưa có tài khoản?
field-login = Tên đăng nhập
field-password = Mật khẩu
problem-form-stale = Trang này đã mở quá lâu. Hãy kiểm tra lại nội dung rồi bấm nút một lần nữa.
