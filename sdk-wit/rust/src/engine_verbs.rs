//! What engines with Docker's kind of API do alike: freezing, and what programs wrote.

use crate::engine::{Api, MAX_ANSWER_BYTES, failure};
use crate::http::Method;
use crate::runtime::{Error, OutputPiece, OutputStream};

/// The head of a piece of output: its stream, three zeros, its length.
const HEAD: usize = 8;

impl Api {
    /// Does something to a container that the engine refuses where it is so already: asks then whether it is.
    ///
    /// # Errors
    /// `NotFound`, or the engine failed.
    pub fn act_once(&self, path: &str, is_so: impl FnOnce() -> Result<bool, Error>) -> Result<(), Error> {
        match self.act(path, None) {
            Err(Error::NotFound) => Err(Error::NotFound),
            Err(error) if !is_so()? => Err(error),
            _ => Ok(()),
        }
    }

    /// The newest lines that a container's first process wrote; `path` leads to its log.
    ///
    /// # Errors
    /// `NotFound`, or the engine failed.
    pub fn logs(&self, path: &str, max_lines: u32, max_bytes: u32) -> Result<Vec<OutputPiece>, Error> {
        let request = self.request(Method::Get, path).query("stderr", "true").query("stdout", "true");
        let response = self.send(request.query("tail", &max_lines.to_string()))?;
        match response.status {
            200 => newest(&response.bytes(MAX_ANSWER_BYTES)?, max_bytes as usize),
            404 => Err(Error::NotFound),
            _ => Err(failure(response).into()),
        }
    }
}

/// Reads a stream of pieces of output and keeps the newest bytes of it.
///
/// # Errors
/// `Engine` where it is none.
pub(crate) fn newest(mut rest: &[u8], max_bytes: usize) -> Result<Vec<OutputPiece>, Error> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (to, bytes, behind) = piece(rest).ok_or_else(|| Error::Engine("its log has another form than it should".into()))?;
        found.push((to, bytes));
        rest = behind;
    }
    // From the end, as far as there is room.
    let (mut room, mut first) = (max_bytes, found.len());
    for (index, (_, bytes)) in found.iter_mut().enumerate().rev() {
        let over = bytes.len().saturating_sub(room);
        *bytes = bytes.get(over..).unwrap_or_default();
        room -= bytes.len();
        first = index;
        if room == 0 {
            break;
        }
    }
    let mut pieces: Vec<OutputPiece> = Vec::new();
    for (to, bytes) in found.into_iter().skip(first).filter(|(_, bytes)| !bytes.is_empty()) {
        match pieces.last_mut() {
            Some(last) if last.to == to => last.bytes.extend_from_slice(bytes),
            _ => pieces.push(OutputPiece { to, bytes: bytes.to_vec() }),
        }
    }
    Ok(pieces)
}

/// The first piece of a stream of output, and what is behind it.
pub(crate) fn piece(stream: &[u8]) -> Option<(OutputStream, &[u8], &[u8])> {
    let (head, rest) = stream.split_at_checked(HEAD)?;
    let &[kind, 0, 0, 0, a, b, c, d] = head else { return None };
    let to = match kind {
        1 => OutputStream::Stdout,
        2 => OutputStream::Stderr,
        _ => return None,
    };
    let (bytes, behind) = rest.split_at_checked(u32::from_be_bytes([a, b, c, d]) as usize)?;
    Some((to, bytes, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(pieces: &[(u8, &[u8])]) -> Vec<u8> {
        let mut all = Vec::new();
        for (kind, bytes) in pieces {
            all.extend_from_slice(&[*kind, 0, 0, 0, 0, 0, 0, u8::try_from(bytes.len()).unwrap_or(u8::MAX)]);
            all.extend_from_slice(bytes);
        }
        all
    }

    fn read(stream: &[u8], max: usize) -> Result<Vec<(OutputStream, Vec<u8>)>, Error> {
        Ok(newest(stream, max)?.into_iter().map(|piece| (piece.to, piece.bytes)).collect())
    }

    #[test]
    fn any_bytes_are_told_apart_by_stream_and_the_newest_are_kept() {
        let stream = framed(&[(1, b"a\n"), (1, &[0, 255, 10]), (2, b"err\n"), (1, b""), (1, b"z\n")]);
        let all = vec![
            (OutputStream::Stdout, vec![b'a', 10, 0, 255, 10]),
            (OutputStream::Stderr, b"err\n".to_vec()),
            (OutputStream::Stdout, b"z\n".to_vec()),
        ];
        assert_eq!(read(&stream, 100), Ok(all.clone()));
        assert_eq!(read(&stream, 11), Ok(all));
        let cut = vec![(OutputStream::Stderr, b"r\n".to_vec()), (OutputStream::Stdout, b"z\n".to_vec())];
        assert_eq!(read(&stream, 4), Ok(cut));
        assert_eq!(read(&stream, 0), Ok(Vec::new()));
        assert_eq!(read(b"", 10), Ok(Vec::new()));
    }

    #[test]
    fn what_is_no_stream_of_output_is_an_error() {
        for bad in [
            &b"plain text of a terminal"[..],
            &[1, 0, 0, 0, 0, 0, 0],
            &[1, 0, 0, 0, 0, 0, 0, 5, b'x'],
            &[3, 0, 0, 0, 0, 0, 0, 1, b'x'],
            &[1, 0, 1, 0, 0, 0, 0, 1, b'x'],
            &[1, 0, 0, 0, 255, 255, 255, 255, b'x'],
        ] {
            assert!(matches!(newest(bad, 100), Err(Error::Engine(_))), "{bad:?}");
        }
    }
}
