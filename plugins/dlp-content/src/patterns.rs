//! Patterns in a stream: one automaton for all of them, whose state outlives the pieces.

use gatewright_sdk::ConfigError;
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::{start, syntax};
use regex_automata::{Input, MatchKind};

use crate::config::Pattern;
use crate::filter::{Effort, Filter};

/// Memory of the compiled patterns: `[a-z]{9999}` must not be had by the back door.
const MAX_COMPILED_BYTES: usize = 512 * 1024;
/// Memory for the automaton's states. When it is full, states are made anew as they are needed.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// The patterns of a rule.
pub(crate) struct Patterns {
    dfa: DFA,
    filter: Option<Filter>,
}

impl Patterns {
    /// # Errors
    /// The pattern that is wrong, and why.
    pub(crate) fn compile(patterns: &[Pattern]) -> Result<Self, ConfigError> {
        for (index, pattern) in patterns.iter().enumerate() {
            let one = build(&[&pattern.pattern]).map_err(|error| ConfigError::new(format!("patterns[{index}].pattern: {error}")))?;
            let mut search = Search::new(&one).ok_or_else(|| ConfigError::new(format!("patterns[{index}].pattern: can't be searched")))?;
            if !matches!(search.finish(), Ok(None)) {
                return Err(ConfigError::new(format!(
                    "patterns[{index}].pattern: it matches the empty text, so it would be found everywhere"
                )));
            }
        }
        let all: Vec<&str> = patterns.iter().map(|pattern| pattern.pattern.as_str()).collect();
        let mut all = build(&all).map_err(|error| ConfigError::new(format!("patterns: {error}")))?;
        all.filter = Filter::new(all.dfa.get_nfa());
        Ok(all)
    }

    /// A search through one stream.
    pub(crate) fn search(&self) -> Option<Search<'_>> {
        Search::new(self)
    }
}

fn build(patterns: &[&str]) -> Result<Patterns, String> {
    let dfa = DFA::builder()
        .configure(
            DFA::config()
                .match_kind(MatchKind::LeftmostFirst)
                .cache_capacity(CACHE_BYTES)
                .specialize_start_states(true)
                .skip_cache_capacity_check(true),
        )
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(MAX_COMPILED_BYTES)))
        .build_many(patterns)
        .map_err(|error| innermost(&error))?;
    Ok(Patterns { dfa, filter: None })
}

/// The innermost cause says what is wrong with a pattern, in the last of several lines.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string().lines().last().unwrap_or_default().trim().to_owned()
}

/// The automaton could not go on. The file does not pass.
#[derive(Debug)]
pub(crate) struct Stuck;

/// One search; what it found is the index of a pattern.
pub(crate) struct Search<'a> {
    dfa: &'a DFA,
    filter: Option<&'a Filter>,
    effort: Effort,
    cache: Cache,
    state: LazyStateID,
}

impl<'a> Search<'a> {
    fn new(patterns: &'a Patterns) -> Option<Self> {
        let dfa = &patterns.dfa;
        let mut cache = dfa.create_cache();
        let state = dfa.start_state_forward(&mut cache, &Input::new("")).ok()?;
        Some(Self {
            dfa,
            filter: patterns.filter.as_ref(),
            effort: Effort::default(),
            cache,
            state,
        })
    }

    /// Takes the next piece.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<Option<usize>, Stuck> {
        let mut at = 0;
        while at < piece.len() {
            let mut least = usize::MAX;
            if let Some(filter) = self.filter {
                // In a start state no match is under way: none is missed where none can begin.
                if self.state.is_start() {
                    let begin = filter.next_begin(piece, at, &mut self.effort);
                    if begin > at {
                        self.state = self.start_after(piece.get(begin - 1).copied())?;
                        at = begin;
                    }
                }
                least = self.effort.steps();
            }
            let (taken, found) = self.step(piece.get(at..).unwrap_or_default(), least)?;
            if found.is_some() {
                return Ok(found);
            }
            at += taken;
        }
        Ok(None)
    }

    /// The state in which a match may begin after this byte.
    fn start_after(&mut self, byte: Option<u8>) -> Result<LazyStateID, Stuck> {
        let config = start::Config::new().look_behind(byte);
        self.dfa.start_state(&mut self.cache, &config).map_err(|_| Stuck)
    }

    /// Goes on by `least` bytes, then until no match is under way. How many bytes it took, and what it found.
    fn step(&mut self, bytes: &[u8], least: usize) -> Result<(usize, Option<usize>), Stuck> {
        let mut state = self.state;
        for (index, byte) in bytes.iter().enumerate() {
            state = self.dfa.next_state(&mut self.cache, state, *byte).map_err(|_| Stuck)?;
            if state.is_tagged() {
                if state.is_match() {
                    return Ok((index + 1, Some(self.which(state))));
                }
                // Every pattern stands at the beginning of a text, and it began otherwise.
                if state.is_dead() {
                    break;
                }
                if state.is_quit() {
                    return Err(Stuck);
                }
                if state.is_start() && index >= least {
                    self.state = state;
                    return Ok((index + 1, None));
                }
            }
        }
        self.state = state;
        Ok((bytes.len(), None))
    }

    /// The stream is over.
    pub(crate) fn finish(&mut self) -> Result<Option<usize>, Stuck> {
        let state = self.dfa.next_eoi_state(&mut self.cache, self.state).map_err(|_| Stuck)?;
        Ok(state.is_match().then(|| self.which(state)))
    }

    fn which(&self, state: LazyStateID) -> usize {
        self.dfa.match_pattern(&self.cache, state, 0).as_usize()
    }
}

#[cfg(test)]
#[path = "patterns_tests.rs"]
mod tests;
