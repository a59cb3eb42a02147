//! Patterns in a stream: one automaton for all of them, whose state outlives the pieces.

use gatewright_sdk::ConfigError;
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind};

use crate::config::Pattern;

/// Memory of the compiled patterns: `[a-z]{9999}` must not be had by the back door.
const MAX_COMPILED_BYTES: usize = 512 * 1024;
/// Memory for the automaton's states. When it is full, states are made anew as they are needed.
const CACHE_BYTES: usize = 4 * 1024 * 1024;

/// The patterns of a rule.
pub(crate) struct Patterns {
    dfa: DFA,
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
        build(&all).map_err(|error| ConfigError::new(format!("patterns: {error}")))
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
                .skip_cache_capacity_check(true),
        )
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(MAX_COMPILED_BYTES)))
        .build_many(patterns)
        .map_err(|error| innermost(&error))?;
    Ok(Patterns { dfa })
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
    cache: Cache,
    state: LazyStateID,
}

impl<'a> Search<'a> {
    fn new(patterns: &'a Patterns) -> Option<Self> {
        let dfa = &patterns.dfa;
        let mut cache = dfa.create_cache();
        let state = dfa.start_state_forward(&mut cache, &Input::new("")).ok()?;
        Some(Self { dfa, cache, state })
    }

    /// Takes the next piece.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<Option<usize>, Stuck> {
        let mut state = self.state;
        for byte in piece {
            state = self.dfa.next_state(&mut self.cache, state, *byte).map_err(|_| Stuck)?;
            if state.is_tagged() {
                if state.is_match() {
                    return Ok(Some(self.which(state)));
                }
                if state.is_dead() || state.is_quit() {
                    return Err(Stuck);
                }
            }
        }
        self.state = state;
        Ok(None)
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
