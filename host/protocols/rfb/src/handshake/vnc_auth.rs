//! VNC authentication (RFC 6143 7.2.2).

use des::Des;
use des::cipher::{Array, BlockCipherEncrypt as _, KeyInit as _};
use zeroize::Zeroizing;

/// A VNC password, kept as the DES key that it stands for and wiped when dropped. It has no `Debug` on purpose.
pub struct VncPassword(Zeroizing<[u8; 8]>);

impl VncPassword {
    /// Takes the first eight bytes, as every VNC server does.
    #[must_use]
    pub fn new(password: &[u8]) -> Self {
        let mut key = Zeroizing::new([0; 8]);
        for (to, from) in key.iter_mut().zip(password) {
            // The bits of each byte are reversed, unlike in standard DES (RFC 6143 erratum 3288).
            *to = from.reverse_bits();
        }
        Self(key)
    }

    /// Encrypts the challenge, each half on its own.
    pub(super) fn respond(&self, challenge: [u8; 16]) -> [u8; 16] {
        let cipher = Des::new(&Array(*self.0));
        let mut response = challenge;
        for block in response.as_chunks_mut::<8>().0 {
            let mut array = Array(*block);
            cipher.encrypt_block(&mut array);
            *block = array.0;
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_des_of_vnc() {
        // VNC password files hold the password encrypted with a key that every implementation knows; this is "password".
        let file = [0xDB, 0xD8, 0x3C, 0xFD, 0x72, 0x7A, 0x14, 0x58];
        let response = VncPassword::new(&[23, 82, 107, 6, 35, 78, 88, 7]).respond(*b"passwordpassword");
        assert_eq!(response.as_chunks::<8>().0, [file, file]);
    }

    #[test]
    fn only_eight_bytes_count() {
        let challenge = *b"0123456789abcdef";
        assert_eq!(
            VncPassword::new(b"password").respond(challenge),
            VncPassword::new(b"password and more").respond(challenge)
        );
        assert_ne!(
            VncPassword::new(b"password").respond(challenge),
            VncPassword::new(b"passwor").respond(challenge)
        );
    }
}
