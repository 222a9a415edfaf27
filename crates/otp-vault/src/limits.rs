//! What a file may ask for at most. The numbers stand in the file, so whoever made it chose them.

/// Bytes of a file: 64 MiB.
pub const FILE_BYTES: usize = 64 << 20;
/// Memory of Argon2id in KiB: 1 GiB, which Ente's own exports ask for.
pub const ARGON2_KIB: u32 = 1 << 20;
/// Passes of Argon2id.
pub const ARGON2_PASSES: u32 = 16;
/// Lanes of Argon2id.
pub const ARGON2_LANES: u32 = 64;
/// Memory of scrypt in bytes: 1 GiB.
pub const SCRYPT_BYTES: u64 = 1 << 30;
/// Lanes of scrypt, one after the other.
pub const SCRYPT_LANES: u32 = 16;
/// Iterations of PBKDF2.
pub const PBKDF2_ITERATIONS: u32 = 10_000_000;
/// Passwords that open one file.
pub const SLOTS: usize = 64;
/// Pixels of a picture.
pub const PICTURE_PIXELS: u64 = 25_000_000;
/// Bytes of an icon: 2 MiB.
pub const ICON_BYTES: usize = 2 << 20;
/// Bytes of the icons of one file's accounts, each account's counted: 64 MiB.
pub const ICONS_BYTES: usize = 64 << 20;
/// How deep JSON is nested.
pub const JSON_DEPTH: usize = 128;
/// Bytes of memory that the values of a JSON document take beside the file: 128 MiB.
pub const JSON_BYTES: usize = 128 << 20;
/// Bytes that the rows of a database's table take: 128 MiB.
pub const TABLE_BYTES: usize = 128 << 20;
/// Parts of Google migrations in one file, each of which is a QR code.
pub const MIGRATION_PARTS: usize = 10_000;
/// Memory of Argon2 in a KeePass database times its passes, in KiB: 16 passes over 1 GiB, or more over less, which KeePass'
/// programs choose by the time that they take.
pub const KEEPASS_ARGON2_KIB: u64 = 16 << 20;
/// Rounds of AES in a KeePass database.
pub const KEEPASS_AES_ROUNDS: u64 = 100_000_000;
/// Files of a ZIP archive.
pub const ZIP_FILES: usize = 1000;
/// Bytes that the content of an archive or of a compressed database unpacks to: 64 MiB.
pub const UNPACKED_BYTES: usize = 64 << 20;
/// Accounts of one file, those that cannot be read included.
pub const ENTRIES: usize = 100_000;
