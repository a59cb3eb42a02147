//! The service `files`: the transfer folder of a session, which is `~/Transfer` inside.
//!
//! The container owns that folder and is hostile: it may plant links, pipes and folders in it, swap one for the other and
//! change a file while it is read. So nothing is taken by its path twice: a name is resolved once, without links and without
//! leaving the folder, what was found is pinned, looked at, and that very object is read.
//!
//! A file that comes in has no name until it is whole: nobody in the container can see, open or link it before.

mod folder;
mod incoming;
mod outgoing;
mod serve;

#[cfg(test)]
mod tests;

pub(crate) use serve::serve;
