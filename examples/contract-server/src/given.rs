//! Texts that exist already, adopted as tokens of ours.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use twofa_providers::token_store::{
    Claimed, Tokens, TokensError,
    ott_core::{
        Binding, IssueOptions, Policy, RecordId, Subject,
        rand::{TryRng as _, rngs::SysRng},
    },
};
use zeroize::Zeroizing;

use crate::{Documents, Fault};

/// Names given texts: app tokens, API keys, printed codes of another system, of any length and alphabet.
///
/// The name is the text's HMAC-SHA-256 under a key that rests sealed, 43 symbols of base64url (`Format::LINK`); it
/// is adopted by `Tokens::issue_given` in the text's place. So whoever reads the store cannot try short texts against
/// it without the server's keys.
pub struct GivenTexts(Zeroizing<Vec<u8>>);

#[derive(Serialize, Deserialize)]
struct Key(Zeroizing<Vec<u8>>);

impl GivenTexts {
    /// With the key that was made at the first start.
    ///
    /// # Errors
    /// The documents, or the random source.
    pub async fn open(documents: &Documents) -> Result<Self, Fault> {
        let (kind, id) = ("server", "given-texts");
        let mut key = Key(Zeroizing::new(vec![0; 32]));
        SysRng.try_fill_bytes(&mut key.0)?;
        documents.add(kind, id, &key).await?;
        let kept = documents.get::<Key>(kind, id).await?;
        let Key(kept) = kept.ok_or("the key of given texts is gone")?.value;
        Ok(Self(kept))
    }

    /// The name of a text.
    ///
    /// # Panics
    /// Never: HMAC takes keys of any length.
    #[must_use]
    pub fn name(&self, text: &str) -> Zeroizing<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("a key");
        mac.update(text.as_bytes());
        let mut name = Zeroizing::new(String::with_capacity(44));
        URL_SAFE_NO_PAD.encode_string(mac.finalize().into_bytes(), &mut name);
        name
    }

    /// Adopts these texts as tokens of the policy, which has `Format::LINK`; done again, nothing changes.
    ///
    /// # Errors
    /// [`TokensError`].
    pub async fn adopt(
        &self,
        tokens: &Tokens,
        policy: &Policy,
        subject: &Subject,
        texts: &[String],
    ) -> Result<(), TokensError> {
        let names: Vec<_> = texts.iter().map(|text| self.name(text)).collect();
        let names: Vec<_> = names.iter().map(|name| name.as_str()).collect();
        if !names.is_empty() {
            let (binding, options) = (Binding::subject(subject), IssueOptions::default());
            tokens
                .issue_given(policy, &binding, &names, options)
                .await?;
        }
        Ok(())
    }

    /// Whose bearer token this text is, and its record.
    ///
    /// # Errors
    /// [`TokensError`]: an outage.
    pub async fn owner(
        &self,
        tokens: &Tokens,
        policy: &Policy,
        text: &str,
    ) -> Result<Option<(Subject, RecordId)>, TokensError> {
        let load = async |claimed: Claimed| Ok(claimed.owner_alone());
        match tokens
            .authenticate(policy, "", &self.name(text), load)
            .await
        {
            Ok(record) => Ok(record.stored().owner().map(|owner| (owner, *record.id()))),
            Err(TokensError::Rejected(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl core::fmt::Debug for GivenTexts {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("GivenTexts(..)")
    }
}
