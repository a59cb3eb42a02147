//! The decision about one file.

use dlp_checks::CardScanner;
use gatewright_sdk::dlp_file::{Content, Ended, Error, Verdict};
use gatewright_sdk::{Reason, reason};

use crate::config::{Check, Config, Pattern};
use crate::patterns::{Patterns, Search, Stuck};
use crate::utf16::{self, Decoder};

/// Decides about a file of this size.
pub(crate) fn decide(config: &Config, size: u64, content: &mut dyn Content) -> Result<Verdict, Error> {
    config.check()?;
    let patterns = if config.patterns.is_empty() {
        None
    } else {
        Some(Patterns::compile(&config.patterns)?)
    };
    if let Some(limit) = config.max_bytes
        && size > limit
    {
        return Ok(Verdict::Deny(
            reason("too-large").bytes("actual", size).bytes("limit", limit).build(),
        ));
    }
    match scan(config, patterns.as_ref(), content) {
        Ok(None) => Ok(Verdict::Hold),
        Ok(Some(reason)) => Ok(Verdict::Deny(reason)),
        // It does not pass, whatever is said here.
        Err(Stop::Ended) => Ok(Verdict::Hold),
        Err(Stop::Stuck) => Err(Error::Config("patterns: the search could not go on".into())),
    }
}

enum Stop {
    Ended,
    Stuck,
}

impl From<Ended> for Stop {
    fn from(_: Ended) -> Self {
        Self::Ended
    }
}

impl From<Stuck> for Stop {
    fn from(_: Stuck) -> Self {
        Self::Stuck
    }
}

fn scan(config: &Config, patterns: Option<&Patterns>, content: &mut dyn Content) -> Result<Option<Reason>, Stop> {
    let reader = || Reader::new(config, patterns);
    let mut plain = reader().ok_or(Stop::Stuck)?;
    let mut piece = content.read()?;
    let mut wide = match utf16::looks_like(&piece) {
        Some(order) => Some((Decoder::new(order), reader().ok_or(Stop::Stuck)?)),
        None => None,
    };
    while !piece.is_empty() {
        // Also as it is: a mark at the beginning makes no UTF-16 of the rest.
        if let Some(reason) = plain.feed(&piece)? {
            return Ok(Some(reason));
        }
        if let Some((decoder, reader)) = &mut wide
            && let Some(reason) = reader.feed(decoder.feed(&piece).as_bytes())?
        {
            return Ok(Some(reason));
        }
        piece = content.read()?;
    }
    if let Some(reason) = plain.finish()? {
        return Ok(Some(reason));
    }
    match wide {
        Some((_, mut reader)) => Ok(reader.finish()?),
        None => Ok(None),
    }
}

/// Everything that is looked for, in one stream of text.
struct Reader<'a> {
    cards: Option<CardScanner>,
    search: Option<Search<'a>>,
    patterns: &'a [Pattern],
}

impl<'a> Reader<'a> {
    fn new(config: &'a Config, patterns: Option<&'a Patterns>) -> Option<Self> {
        Some(Self {
            cards: config.checks.contains(&Check::CardNumber).then(CardScanner::default),
            search: match patterns {
                Some(patterns) => Some(patterns.search()?),
                None => None,
            },
            patterns: &config.patterns,
        })
    }

    fn feed(&mut self, piece: &[u8]) -> Result<Option<Reason>, Stuck> {
        if self.cards.as_mut().is_some_and(|cards| cards.feed(piece)) {
            return Ok(Some(reason("card-number").build()));
        }
        match &mut self.search {
            Some(search) => Ok(search.feed(piece)?.map(|index| self.named(index))),
            None => Ok(None),
        }
    }

    fn finish(&mut self) -> Result<Option<Reason>, Stuck> {
        if self.cards.as_mut().is_some_and(CardScanner::finish) {
            return Ok(Some(reason("card-number").build()));
        }
        match &mut self.search {
            Some(search) => Ok(search.finish()?.map(|index| self.named(index))),
            None => Ok(None),
        }
    }

    fn named(&self, index: usize) -> Reason {
        let name = self.patterns.get(index).map_or("", |pattern| pattern.name.as_str());
        reason("pattern").name("pattern", name).build()
    }
}

#[cfg(test)]
#[path = "scan_tests.rs"]
mod tests;
