//! What engines with Docker's kind of API do alike: freezing, and what programs wrote.

use serde::{Deserialize, Serialize};

use crate::engine::{Api, MAX_ANSWER_BYTES, failure, read};
use crate::http::{Method, path_segment};
use crate::runtime::{Error, Outcome, OutputPiece, OutputStream};

/// How often it is looked whether a program has ended whose output has. There is no clock here to wait by.
const MAX_LOOKS: usize = 50;

/// A program to be made.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Wish<'a> {
    attach_stdout: bool,
    attach_stderr: bool,
    cmd: &'a [String],
}

/// Nothing but the defaults.
#[derive(Debug, Serialize)]
struct Start {}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Made {
    id: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Seen {
    running: bool,
    exit_code: Option<i32>,
}

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

impl Api {
    /// Runs a program in a container to its end, `path` leading to where programs of the container are made, and keeps at most
    /// `max_bytes` of what it writes. How it runs, the host says.
    ///
    /// # Errors
    /// `NotFound`, or the engine failed.
    pub fn exec(&self, path: &str, argv: &[String], max_bytes: u32) -> Result<Outcome, Error> {
        let wish = Wish {
            attach_stdout: true,
            attach_stderr: true,
            cmd: argv,
        };
        let made: Made = read(self.send(self.request(Method::Post, path).json(&wish)?)?)?;
        let path = format!("/exec/{}", path_segment(&made.id));
        let response = self.send(self.request(Method::Post, &format!("{path}/start")).json(&Start {})?)?;
        let mut outcome = match response.status {
            200 => oldest(&response.bytes(MAX_ANSWER_BYTES)?, max_bytes as usize)?,
            404 => return Err(Error::NotFound),
            _ => return Err(failure(response).into()),
        };
        // The engine may learn of the end a moment after its output has ended.
        for _ in 0..MAX_LOOKS {
            let seen: Seen = self.get(self.request(Method::Get, &format!("{path}/json")))?;
            if !seen.running {
                outcome.exit_code = seen.exit_code;
                break;
            }
        }
        Ok(outcome)
    }
}

/// Reads a stream of pieces of output and keeps what came first.
fn oldest(mut rest: &[u8], max_bytes: usize) -> Result<Outcome, Error> {
    let mut outcome = Outcome {
        exit_code: None,
        stdout: Vec::new(),
        stderr: Vec::new(),
        truncated: false,
    };
    let mut room = max_bytes;
    while !rest.is_empty() {
        let (to, bytes, behind) = piece(rest).ok_or_else(|| Error::Engine("its output has another form than it should".into()))?;
        let kept = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        match to {
            OutputStream::Stdout => outcome.stdout.extend_from_slice(kept),
            OutputStream::Stderr => outcome.stderr.extend_from_slice(kept),
        }
        outcome.truncated |= kept.len() < bytes.len();
        room -= kept.len();
        rest = behind;
    }
    Ok(outcome)
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
    fn of_a_program_what_came_first_is_kept() {
        let stream = framed(&[(1, b"abc"), (2, &[0, 255]), (1, b"def")]);
        let kept = |max| oldest(&stream, max).map(|kept| (kept.stdout, kept.stderr, kept.truncated));
        assert_eq!(kept(8), Ok((b"abcdef".to_vec(), vec![0, 255], false)));
        assert_eq!(kept(7), Ok((b"abcde".to_vec(), vec![0, 255], true)));
        assert_eq!(kept(4), Ok((b"abc".to_vec(), vec![0], true)));
        assert_eq!(kept(0), Ok((Vec::new(), Vec::new(), true)));
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
