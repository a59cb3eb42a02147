//! An error with its causes, in one line.

use std::error::Error;

/// The error's message and those of its causes, joined by colons: for administrators, never for the person who waits.
#[must_use]
pub fn chain_of(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Link(&'static str, Option<Box<Link>>);

    impl std::fmt::Display for Link {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Link {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1.as_deref().map(|cause| cause as &dyn Error)
        }
    }

    #[test]
    fn every_cause_is_named_once() {
        let error = Link(
            "no session",
            Some(Box::new(Link("no engine", Some(Box::new(Link("refused", None)))))),
        );
        assert_eq!(chain_of(&error), "no session: no engine: refused");
        assert_eq!(chain_of(&Link("alone", None)), "alone");
    }
}
