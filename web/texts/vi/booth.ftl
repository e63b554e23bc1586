booth-title = Gian hàng cấp chữ ký số
