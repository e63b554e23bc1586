activate-title = Activate your signature
