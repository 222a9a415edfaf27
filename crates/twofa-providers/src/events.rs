//! The names of this crate's events, beside those of [`token_store::events`].
//!
//! | name | beside time and subject it says |
//! | --- | --- |
//! | `account.reset` | how many factors; the reason as `verb` |
//! | `delivery.failed` | the purpose |
//! | `device.*` | nothing |
//! | `factor.*` | the factor and its provider; a refusal its reason |
//! | `provider.*` | the provider, which proves subjects; a refusal its reason |
//! | `push.ended` | the factor and its provider |
//! | `recovery.*` | how many codes are there; a restored set nothing |
//! | `second-factor.throttled` | the provider, and when the next try is allowed, if time helps |

/// An operator took every factor, recovery code, known and trusted device off an account.
pub const ACCOUNT_RESET: &str = "account.reset";
/// A code or notice was not delivered.
pub const DELIVERY_FAILED: &str = "delivery.failed";
/// A trusted device stood in place of the second factor.
pub const DEVICE_RECOGNISED: &str = "device.recognised";
/// A device is trusted from now on.
pub const DEVICE_TRUSTED: &str = "device.trusted";
/// A factor was confirmed, and counts from now on.
pub const FACTOR_CONFIRMED: &str = "factor.confirmed";
/// A factor is disabled: it failed too often, or was disowned.
pub const FACTOR_DISABLED: &str = "factor.disabled";
/// A factor was enrolled; it counts for nothing yet.
pub const FACTOR_ENROLLED: &str = "factor.enrolled";
/// A secret that existed already was imported as a factor.
pub const FACTOR_IMPORTED: &str = "factor.imported";
/// A wrong response to a factor.
pub const FACTOR_REFUSED: &str = "factor.refused";
/// A factor was removed.
pub const FACTOR_REMOVED: &str = "factor.removed";
/// A removed factor was brought back.
pub const FACTOR_RESTORED: &str = "factor.restored";
/// A factor got another label.
pub const FACTOR_RENAMED: &str = "factor.renamed";
/// A factor proved itself.
pub const FACTOR_VERIFIED: &str = "factor.verified";
/// A prompt was denied, or approved with a wrong number.
pub const PROMPT_DENIED: &str = "prompt.denied";
/// A prompt was reported: somebody else knows the password.
pub const PROMPT_REPORTED: &str = "prompt.reported";
/// A wrong response to a provider that proves subjects.
pub const PROVIDER_REFUSED: &str = "provider.refused";
/// A provider that proves subjects proved one.
pub const PROVIDER_VERIFIED: &str = "provider.verified";
/// A push service no longer knows a device: nothing wakes it until `Prompts::push_to` names another address.
pub const PUSH_ENDED: &str = "push.ended";
/// A new set of recovery codes took the place of the old one.
pub const RECOVERY_RENEWED: &str = "recovery.renewed";
/// A set of recovery codes that a disowned sign-in had replaced is valid again.
pub const RECOVERY_RESTORED: &str = "recovery.restored";
/// A recovery code was used; how many are left, if the store said.
pub const RECOVERY_USED: &str = "recovery.used";
/// A limit of second factors is reached.
pub const THROTTLED: &str = "second-factor.throttled";
