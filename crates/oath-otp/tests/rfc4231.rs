//! RFC 2202 section 3 and RFC 4231 section 4.2, test case 1: the one whose message is as long as a counter.

use oath_otp::{Algorithm, Digits, Hotp, Secret};

const KEY: [u8; 20] = [0x0b; 20];
const MESSAGE: &[u8; 8] = b"Hi There";

/// The RFCs have no rows for SHA-3: those are the same key and message under another implementation
/// (OpenSSL's).
const ROWS: &[(Algorithm, &str)] = &[
    (Algorithm::Sha1, "b617318655057264e28bc0b6fb378c8ef146be00"),
    (
        Algorithm::Sha256,
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
    ),
    (
        Algorithm::Sha512,
        "87aa7cdea5ef619d4ff0b4241a1d6cb02379f4e2ce4ec2787ad0b30545e17cde\
         daa833b7d6b8a702038b274eaea3f4e4be9d914eeb61f1702e696c203a126854",
    ),
    #[cfg(feature = "sha3")]
    (
        Algorithm::Sha3_224,
        "3b16546bbc7be2706a031dcafd56373d9884367641d8c59af3c860f7",
    ),
    #[cfg(feature = "sha3")]
    (
        Algorithm::Sha3_256,
        "ba85192310dffa96e2a3a40e69774351140bb7185e1202cdcc917589f95e16bb",
    ),
    #[cfg(feature = "sha3")]
    (
        Algorithm::Sha3_384,
        "68d2dcf7fd4ddd0a2240c8a437305f61fb7334cfb5d0226e1bc27dc10a2e723a\
         20d370b47743130e26ac7e3d532886bd",
    ),
    #[cfg(feature = "sha3")]
    (
        Algorithm::Sha3_512,
        "eb3fbd4b2eaab8f5c504bd3a41465aacec15770a7cabac531e482f860b5ec7ba\
         47ccb2c6f2afce8f88d22b6dc61380f23a668fd3888bb80537c0a0b86407689e",
    ),
];

/// The code for a message is that of its HMAC, truncated as RFC 4226 section 5.3 says.
#[test]
fn hmac_of_test_case_1() {
    let secret = Secret::from_bytes(&KEY).unwrap();
    assert_eq!(ROWS.len(), Algorithm::ALL.len());
    for &(algorithm, mac) in ROWS {
        let byte = |at: usize| u32::from_str_radix(&mac[2 * at..2 * at + 2], 16).unwrap();
        let offset = byte(mac.len() / 2 - 1) as usize & 0xf;
        let word = (offset..offset + 4).fold(0, |word, at| word << 8 | byte(at));
        let hotp = Hotp {
            algorithm,
            digits: Digits::Ten,
            ..Hotp::default()
        };
        let code = hotp.generate(&secret, u64::from_be_bytes(*MESSAGE));
        let expected = format!("{:010}", word & 0x7fff_ffff);
        assert_eq!(code.expose_secret(), expected, "{algorithm}");
    }
}
