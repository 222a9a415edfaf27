"""Asks a validation server about OTPs with yubico-client, and prints what it makes of each answer.

    python3 ask.py URL ID KEY OTP…
"""
import sys

from yubico_client import Yubico

url, client, key, *otps = sys.argv[1:]
yubico = Yubico(client, key, api_urls=(url,), max_retries=1, translate_otp=False)
for otp in otps:
    try:
        told = yubico.verify(otp, timestamp=True, sl=100, timeout=10, return_response=True)
        print("OK", told["sessioncounter"], told["sessionuse"], told["timestamp"])
    except Exception as error:
        print(type(error).__name__, getattr(error, "status_code", error.args[0] if error.args else ""))
