registration-title = Registration requests
