//! HOTP (RFC 4226) and TOTP (RFC 6238): constant-time verification, safe secrets, otpauth URIs.
