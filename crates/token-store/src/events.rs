//! The names of the events that this crate emits.

/// The ring lacks a key that a record or seal names (`key`): an operator must add it.
pub const KEY_MISSING: &str = "key.missing";
/// The stored time of a limit lies beyond every clock: a machine's clock was ahead. Nothing passes at
/// that limit until it is cleared.
pub const LIMIT_AHEAD: &str = "limit.ahead";
/// A limit refused (`purpose`, `retry_at` if time helps).
pub const LIMIT_REACHED: &str = "limit.reached";
/// The store, named by what was asked of it (`verb`), did not answer.
pub const STORE_FAILED: &str = "store.failed";
/// A bearer token proved itself, and its binding was right.
pub const TOKEN_AUTHENTICATED: &str = "token.authenticated";
/// Somebody decided about a waiting record.
pub const TOKEN_DECIDED: &str = "token.decided";
/// A token was issued.
pub const TOKEN_ISSUED: &str = "token.issued";
/// Something was parked.
pub const TOKEN_PARKED: &str = "token.parked";
/// A token was redeemed, or what was parked taken up, and its binding was right.
pub const TOKEN_REDEEMED: &str = "token.redeemed";
/// A token was refused (`reason`).
pub const TOKEN_REFUSED: &str = "token.refused";
/// Records were revoked (`count`).
pub const TOKEN_REVOKED: &str = "token.revoked";
