booth-title = Registration booth
