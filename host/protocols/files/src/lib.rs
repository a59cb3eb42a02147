//! The protocol of a session's declared service `files`, without I/O.
//!
//! A stream carries one operation. The side that opened it asks, the side at the transfer folder answers:
//!
//! | asked | answered |
//! |---|---|
//! | [`Frame::List`] | [`Frame::Entries`] |
//! | [`Frame::Put`], after `Ready` any number of [`Frame::Data`], then [`Frame::Commit`] | [`Frame::Ready`], at the end [`Frame::Done`] with the name that it got |
//! | [`Frame::Get`] | [`Frame::Found`], then [`Frame::Data`], then [`Frame::Done`] |
//!
//! Anything may be answered with [`Frame::Failed`], which ends the stream. A stream that ends before `Commit` leaves nothing.
//!
//! A frame is a byte that names it, the length of its payload in four bytes (big-endian), and the payload: bytes for `Data`,
//! else JSON.
#![forbid(unsafe_code)]

mod codec;
mod frame;

pub use codec::{HEADER_BYTES, MAX_CONTROL_BYTES, MAX_DATA_BYTES, ProtocolError, data_header, decode, encode};
pub use frame::{Entry, Failure, Frame};
