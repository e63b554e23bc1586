messages-title = Tin nhắn của bản thử nghiệm
messages-lead = Đây là những gì điện thoại của người được cấp sẽ nhận. Trang này chỉ có trong bản thử nghiệm; hệ thống thật không hiện tin nhắn cho ai.
messages-none = Chưa có tin nhắn nào.
messages-again = Tải lại
