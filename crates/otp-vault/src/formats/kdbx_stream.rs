//! KeePass: the stream that hides single texts of a document.

use aes::cipher::StreamCipher;
use chacha20::ChaCha20;
use salsa20::Salsa20;

/// The stream that texts of the document are hidden under, one after the other.
pub(crate) enum Stream {
    Salsa20(Box<Salsa20>),
    ChaCha20(Box<ChaCha20>),
}

impl Stream {
    /// Uncovers the next bytes. `None` where the stream is at its end.
    pub(crate) fn apply(&mut self, bytes: &mut [u8]) -> Option<()> {
        match self {
            Stream::Salsa20(stream) => stream.try_apply_keystream(bytes),
            Stream::ChaCha20(stream) => stream.try_apply_keystream(bytes),
        }
        .ok()
    }
}
