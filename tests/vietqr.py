"""What two independent libraries read from VietQR codes, one a line on standard input; `null` where one refuses a code.

Prints for each line a JSON object with what each library takes for bank, account and amount, and with the unreserved templates.
"""
import json
import sys

from vietnam_qr_pay import QRPay
from vietqr_emvco import VietQRParser


def first(code):
    read = QRPay(code)
    if not read.is_valid:
        return None
    return {
        "bank": read.consumer.bank_bin,
        "account": read.consumer.bank_number,
        "amount": read.amount,
        "templates": {key: value for key, value in read.unreserved.items() if value},
    }


def second(code):
    try:
        return VietQRParser.parse(code)
    except (ValueError, IndexError, KeyError):
        return None


for line in sys.stdin:
    code = line.rstrip("\n")
    print(json.dumps({"first": first(code), "second": second(code)}))
