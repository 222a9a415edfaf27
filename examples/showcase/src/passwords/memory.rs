//! Argon2 (RFC 9106) over memory that is used again.
//!
//! Each password takes 19 MiB. Where they are asked for and given back each time, the allocator keeps them in pieces
//! that it cannot use again: measured, 66 sign-ins two at a time left 500 MiB resident.

use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::{
        Result,
        phc::{Output, ParamsString, PasswordHash, Salt},
        try_generate_salt,
    },
};

/// The memory of one turn.
#[derive(Default)]
pub(super) struct Memory(Vec<Block>);

impl Memory {
    /// A hash of this password under a new salt, as a PHC string.
    pub(super) fn hash(&mut self, password: &str) -> Result<String> {
        let (algorithm, version) = (Algorithm::default(), Version::default());
        let (params, salt) = (Params::default(), Salt::new(&try_generate_salt()?)?);
        let mut hash = PasswordHash {
            algorithm: algorithm.ident(),
            version: Some(version.into()),
            params: ParamsString::try_from(&params)?,
            salt: Some(salt),
            hash: None,
        };
        let argon2 = Argon2::new(algorithm, version, params);
        hash.hash = Some(self.fill(&argon2, password, &salt)?);
        Ok(hash.to_string())
    }

    /// Whether the stored hash is one of this password. One that cannot be read is of none.
    pub(super) fn verify(&mut self, password: &str, stored: &str) -> bool {
        self.try_verify(password, stored).unwrap_or(false)
    }

    fn try_verify(&mut self, password: &str, stored: &str) -> Result<bool> {
        let stored = PasswordHash::new(stored)?;
        let version = stored.version.map(Version::try_from).transpose()?;
        let argon2 = Argon2::new(
            Algorithm::try_from(stored.algorithm.as_str())?,
            version.unwrap_or_default(),
            Params::try_from(&stored)?,
        );
        let (Some(salt), Some(hash)) = (&stored.salt, &stored.hash) else {
            return Ok(false);
        };
        // `Output` compares in constant time.
        Ok(self.fill(&argon2, password, salt)? == *hash)
    }

    fn fill(&mut self, argon2: &Argon2<'_>, password: &str, salt: &[u8]) -> Result<Output> {
        let params = argon2.params();
        if self.0.len() < params.block_count() {
            self.0.resize(params.block_count(), Block::default());
        }
        let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
        let mut output = vec![0; length];
        argon2.hash_password_into_with_memory(
            password.as_bytes(),
            salt,
            &mut output,
            &mut self.0,
        )?;
        Ok(Output::new(&output)?)
    }
}

#[cfg(test)]
mod tests {
    use argon2::{
        Argon2, PasswordHasher as _, PasswordVerifier as _, password_hash::phc::PasswordHash,
    };

    use super::Memory;

    /// Hashes are those of the library, in both directions, and memory that was used before changes nothing.
    #[test]
    fn hashes_are_those_of_the_library() {
        let mut memory = Memory::default();
        let theirs = Argon2::default().hash_password(b"correct horse battery");
        let theirs = theirs.expect("a hash").to_string();
        for _ in 0..2 {
            assert!(memory.verify("correct horse battery", &theirs));
            assert!(!memory.verify("correct horse batter", &theirs));
            let ours = memory.hash("correct horse battery").expect("a hash");
            assert!(memory.verify("correct horse battery", &ours));
            assert!(!memory.verify("", &ours));
            let parsed = PasswordHash::new(&ours).expect("a PHC string");
            let verified = Argon2::default().verify_password(b"correct horse battery", &parsed);
            assert!(verified.is_ok());
            assert_eq!(
                parsed.params,
                PasswordHash::new(&theirs).expect("one").params
            );
        }
        for unreadable in ["", "x", "$argon2id$v=19$m=19456,t=2,p=1", "$md5$abc"] {
            assert!(!memory.verify("", unreadable), "{unreadable}");
        }
    }
}
