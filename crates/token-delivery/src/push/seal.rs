//! What a browser alone can read: `aes128gcm` under a key that is agreed on.

use ring::{
    aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey},
    agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral},
    error::Unspecified,
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
    rand::{SecureRandom as _, SystemRandom},
};
use zeroize::Zeroizing;

use super::address::Subscription;

/// The only record's length, of which a push service takes no more (RFC 8291 section 4).
const RECORD: u32 = 4_096;

/// The most that fits: without header (RFC 8188 section 2.1), the delimiter and the tag.
pub(super) const LONGEST: usize = 4_096 - (16 + 4 + 1 + 65) - 1 - 16;

/// The body of a push. Each has a key pair and a salt of its own, so that no nonce comes twice.
///
/// Specification: RFC 8291 section 3.
pub(super) fn seal(to: &Subscription, plain: &[u8]) -> Result<Vec<u8>, Unspecified> {
    let random = SystemRandom::new();
    let own = EphemeralPrivateKey::generate(&ECDH_P256, &random)?;
    let public = own.compute_public_key()?;
    let mut salt = [0; 16];
    random.fill(&mut salt)?;
    let peer = UnparsedPublicKey::new(&ECDH_P256, &to.key);
    agree_ephemeral(own, &peer, |shared| {
        seal_with(shared, public.as_ref(), to, salt, plain)
    })?
}

/// With a shared secret, and the public half that it comes from.
fn seal_with(
    shared: &[u8],
    public: &[u8],
    to: &Subscription,
    salt: [u8; 16],
    plain: &[u8],
) -> Result<Vec<u8>, Unspecified> {
    if plain.len() > LONGEST {
        return Err(Unspecified);
    }
    let agreed = Salt::new(HKDF_SHA256, &to.auth).extract(shared);
    let key = expand::<32>(&agreed, &[b"WebPush: info\0", &to.key, public])?;
    let content = Salt::new(HKDF_SHA256, &salt).extract(&*key);
    let key = expand::<16>(&content, &[b"Content-Encoding: aes128gcm\0"])?;
    let nonce = expand::<12>(&content, &[b"Content-Encoding: nonce\0"])?;
    let cipher = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &*key)?);
    // The delimiter of the last record.
    let mut record = [plain, &[2]].concat();
    cipher.seal_in_place_append_tag(
        Nonce::assume_unique_for_key(*nonce),
        Aad::empty(),
        &mut record,
    )?;
    let length = u8::try_from(public.len()).map_err(|_| Unspecified)?;
    Ok([&salt[..], &RECORD.to_be_bytes(), &[length], public, &record].concat())
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn expand<const N: usize>(key: &Prk, info: &[&[u8]]) -> Result<Zeroizing<[u8; N]>, Unspecified> {
    let mut bytes = Zeroizing::new([0; N]);
    key.expand(info, Length(N))?.fill(&mut *bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::*;

    fn bytes(text: &str) -> Vec<u8> {
        BASE64_URL_SAFE_NO_PAD.decode(text).expect("base64url")
    }

    /// The example of RFC 8291, section 5 and appendix A, from the shared secret on: byte for byte.
    #[test]
    fn example_of_rfc_8291_is_met() {
        let shared = bytes("kyrL1jIIOHEzg3sM2ZWRHDRB62YACZhhSlknJ672kSs");
        let public = bytes(
            "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8",
        );
        let to = Subscription {
            endpoint: "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV"
                .parse()
                .expect("an address"),
            key: bytes(
                "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
            )
            .try_into()
            .expect("a point"),
            auth: bytes("BTBZMqHH6r4Tts7J_aSIgg").try_into().expect("16 bytes"),
        };
        let salt = bytes("DGv6ra1nlYgDCS1FRnbzlw").try_into().expect("a salt");
        let plain = b"When I grow up, I want to be a watermelon";
        let sealed = seal_with(&shared, &public, &to, salt, plain).expect("sealed");
        let expected = bytes(concat!(
            "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27ml",
            "mlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPT",
            "pK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN",
        ));
        assert_eq!(sealed, expected);
        let most = seal(&to, &[b'a'; LONGEST]).expect("it fits");
        assert_eq!(most.len(), 4_096);
        assert!(seal(&to, &[b'a'; LONGEST + 1]).is_err());
    }
}
