//! All that is signed: certificate authorities and session tickets.
