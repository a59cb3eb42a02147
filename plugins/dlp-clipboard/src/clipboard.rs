//! The decision about one text.

use std::ops::Range;

use dlp_checks::card_number;
use gatewright_sdk::dlp::{self, Error, Redaction, Verdict};
use gatewright_sdk::{Reason, reason};
use regex_lite::Regex;

use crate::config::{Action, Check, Config, Direction};

/// Decides about `text`.
pub(crate) fn decide(config: &Config, direction: dlp::Direction, text: &str) -> Result<Verdict, Error> {
    let (chosen, closed) = match direction {
        dlp::Direction::CopyIn => (config.copy_in.as_ref(), "copy-in-closed"),
        dlp::Direction::CopyOut => (config.copy_out.as_ref(), "copy-out-closed"),
    };
    let regexes = config.compile(chosen)?;
    let Some(rule) = chosen.filter(|direction| direction.allow) else {
        return Ok(deny(reason(closed).build()));
    };
    let actual = text.len() as u64;
    if let Some(limit) = rule.max_bytes
        && actual > limit
    {
        return Ok(deny(reason("too-large").bytes("actual", actual).bytes("limit", limit).build()));
    }
    let cards = card_numbers(rule, text);
    if let Some((Action::Deny, spans)) = &cards {
        return Ok(deny(counted(spans.len(), "card-number-denied", "card-numbers-denied")));
    }
    let denying = rule.patterns.iter().zip(&regexes).filter(|(pattern, _)| pattern.action.denies());
    for (pattern, regex) in denying {
        if regex.is_match(text) {
            return Ok(deny(reason("pattern-denied").name("pattern", &pattern.name).build()));
        }
    }
    let spans = cards.map(|(_, spans)| spans).unwrap_or_default();
    Ok(redact(text, &findings(rule, &regexes, spans, text)))
}

/// What the card number check found, and what is to be done about it. `None` where it found nothing or is not configured.
fn card_numbers(rule: &Direction, text: &str) -> Option<(Action, Vec<Range<usize>>)> {
    let mut configured = rule.checks.iter().filter(|check| check.check == Check::CardNumber).peekable();
    configured.peek()?;
    // Named twice, the stricter counts.
    let action = if configured.any(|check| check.action.denies()) {
        Action::Deny
    } else {
        Action::Redact
    };
    let spans = card_number::find(text);
    (!spans.is_empty()).then_some((action, spans))
}

/// A part that is taken out.
struct Finding<'a> {
    span: Range<usize>,
    what: What<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What<'a> {
    CardNumber,
    Pattern(&'a str),
}

/// All parts to be taken out, in order and apart from each other: those that overlap become one, named for the one that begins first.
fn findings<'a>(rule: &'a Direction, regexes: &[Regex], cards: Vec<Range<usize>>, text: &str) -> Vec<Finding<'a>> {
    let mut all: Vec<Finding<'a>> = cards
        .into_iter()
        .map(|span| Finding {
            span,
            what: What::CardNumber,
        })
        .collect();
    for (pattern, regex) in rule.patterns.iter().zip(regexes).filter(|(pattern, _)| !pattern.action.denies()) {
        // Some patterns match nothing at certain places only (`\b`, `x*$`): there is nothing to take out there.
        let matches = regex.find_iter(text).map(|found| found.range()).filter(|span| !span.is_empty());
        all.extend(matches.map(|span| Finding {
            span,
            what: What::Pattern(&pattern.name),
        }));
    }
    all.sort_by_key(|finding| (finding.span.start, std::cmp::Reverse(finding.span.end)));
    all.into_iter().fold(Vec::new(), |mut apart, finding| {
        match apart.last_mut() {
            Some(last) if finding.span.start < last.span.end => last.span.end = last.span.end.max(finding.span.end),
            _ => apart.push(finding),
        }
        apart
    })
}

fn redact(text: &str, findings: &[Finding<'_>]) -> Verdict {
    let Some(first) = findings.first() else { return Verdict::Allow };
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for finding in findings {
        out.push_str(text.get(done..finding.span.start).unwrap_or_default());
        match finding.what {
            What::CardNumber => out.push_str("[card number removed]"),
            What::Pattern(name) => {
                out.push('[');
                out.push_str(name);
                out.push_str(" removed]");
            }
        }
        done = finding.span.end;
    }
    out.push_str(text.get(done..).unwrap_or_default());
    let count = findings.len();
    let alike = findings.iter().all(|finding| finding.what == first.what);
    let reason = match first.what {
        _ if !alike => reason("several-redacted").count("count", count as u64).build(),
        What::CardNumber => counted(count, "card-number-redacted", "card-numbers-redacted"),
        What::Pattern(name) if count == 1 => reason("pattern-redacted").name("pattern", name).build(),
        What::Pattern(name) => reason("pattern-redacted-often")
            .count("count", count as u64)
            .name("pattern", name)
            .build(),
    };
    Verdict::Redact(Redaction { text: out, reason })
}

fn deny(reason: Reason) -> Verdict {
    Verdict::Deny(reason)
}

fn counted(count: usize, one: &str, many: &str) -> Reason {
    if count == 1 {
        reason(one).build()
    } else {
        reason(many).count("count", count as u64).build()
    }
}

#[cfg(test)]
#[path = "clipboard_tests.rs"]
mod tests;
