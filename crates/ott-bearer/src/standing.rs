//! What an account's tokens are bound to.

use core::{error::Error, fmt};

use async_trait::async_trait;
use token_store::ott_core::{Binding, OwnedBinding, Subject};

/// What loading an account may fail with.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// What the tokens of an account are bound to at this moment. It is asked when a token is issued, and each time it is
/// authenticated: where the answers differ, the token is refused.
///
/// With a credential epoch all tokens of a person end at their change of password. With a number of the tenant as a
/// parameter of the operation, all tokens of the tenant end when it is raised. With a [cache](crate::Caching) they end after
/// the staleness, and here at once if [`Bearers::forget_account`](crate::Bearers::forget_account) or
/// [`Bearers::forget_tenant`](crate::Bearers::forget_tenant) is called afterwards:
///
/// ```
/// use ott_bearer::{BoxError, Standing, token_store::ott_core::{Binding, OwnedBinding, Subject}};
/// # struct Accounts;
/// # impl Accounts { async fn row(&self, _: &Subject) -> Result<Option<(u64, u64)>, BoxError> { Ok(Some((1, 2))) } }
/// #[async_trait::async_trait]
/// impl Standing for Accounts {
///     async fn binding(&self, owner: &Subject) -> Result<Option<OwnedBinding>, BoxError> {
///         let Some((epoch, of_tenant)) = self.row(owner).await? else { return Ok(None) };
///         let of_tenant = of_tenant.to_string();
///         let tenant = [("tenant-epoch", of_tenant.as_str())];
///         Ok(Some(Binding::subject(owner).epoch(epoch).operation(&tenant).into_owned()))
///     }
/// }
/// ```
#[async_trait]
pub trait Standing: Send + Sync {
    /// The whole binding. `None` says that there is no such account, or that it may not use tokens now.
    async fn binding(&self, owner: &Subject) -> Result<Option<OwnedBinding>, BoxError>;
}

/// Tokens are bound to their owner and to nothing else.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnerAlone;

#[async_trait]
impl Standing for OwnerAlone {
    async fn binding(&self, owner: &Subject) -> Result<Option<OwnedBinding>, BoxError> {
        Ok(Some(Binding::subject(owner).into_owned()))
    }
}

impl fmt::Debug for dyn Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Standing")
    }
}
