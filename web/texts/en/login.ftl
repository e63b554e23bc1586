login-title = Log in
login-lead = Use the log-in name that you chose when you activated your signature, or the account that your agency gave you.
login-button = Log in
login-new = You have an activation code but no account yet?
field-login = Log-in name
field-password = Password
problem-form-stale = This page was open for too long. Check what you entered and press the button once more.
