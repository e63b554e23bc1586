activate-title = Kích hoạt chữ ký
