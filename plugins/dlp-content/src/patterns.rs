//! Patterns in a stream: one automaton for all of them, whose state outlives the pieces.

use gatewright_sdk::ConfigError;
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson;
use regex_automata::util::{start, syntax};
use regex_automata::{Input, MatchKind};

use crate::config::Pattern;
use crate::filter::{Effort, Filter};
use crate::table::{Row, Table};

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
            let one =
                build(&[&pattern.pattern], CACHE_BYTES).map_err(|error| ConfigError::new(format!("patterns[{index}].pattern: {error}")))?;
            let mut search = Search::new(&one).ok_or_else(|| ConfigError::new(format!("patterns[{index}].pattern: can't be searched")))?;
            if !matches!(search.finish(), Ok(None)) {
                return Err(ConfigError::new(format!(
                    "patterns[{index}].pattern: it matches the empty text, so it would be found everywhere"
                )));
            }
        }
        let all: Vec<&str> = patterns.iter().map(|pattern| pattern.pattern.as_str()).collect();
        let mut all = build(&all, CACHE_BYTES).map_err(|error| ConfigError::new(format!("patterns: {error}")))?;
        all.filter = Filter::new(all.dfa.get_nfa());
        Ok(all)
    }

    /// A search through one stream.
    pub(crate) fn search(&self) -> Option<Search<'_>> {
        Search::new(self)
    }
}

fn build(patterns: &[&str], cache_bytes: usize) -> Result<Patterns, String> {
    let dfa = DFA::builder()
        .configure(
            DFA::config()
                .match_kind(MatchKind::LeftmostFirst)
                .cache_capacity(cache_bytes)
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
    table: Table,
    row: Row,
}

/// Where the automaton went.
enum Step {
    On,
    /// Every pattern stands at the beginning of a text, and it began otherwise.
    Over,
    Found(usize),
}

impl<'a> Search<'a> {
    fn new(patterns: &'a Patterns) -> Option<Self> {
        let dfa = &patterns.dfa;
        let mut cache = dfa.create_cache();
        let state = dfa.start_state_forward(&mut cache, &Input::new("")).ok()?;
        let mut table = Table::new(dfa, &cache);
        Some(Self {
            dfa,
            filter: patterns.filter.as_ref(),
            effort: Effort::default(),
            row: table.row(state, &cache),
            table,
            cache,
        })
    }

    /// Takes the next piece.
    pub(crate) fn feed(&mut self, piece: &[u8]) -> Result<Option<usize>, Stuck> {
        let mut at = 0;
        while at < piece.len() {
            let mut least = usize::MAX;
            if let Some(filter) = self.filter {
                // In a start state no match is under way: none is missed where none can begin.
                if self.table.is_start(self.row) {
                    let begin = filter.next_begin(piece, at, &mut self.effort);
                    if begin > at {
                        self.start_after(piece.get(begin - 1).copied())?;
                        at = begin;
                    }
                }
                least = self.effort.steps();
            }
            let (taken, found) = self.advance(piece.get(at..).unwrap_or_default(), least)?;
            if found.is_some() {
                return Ok(found);
            }
            at += taken;
        }
        Ok(None)
    }

    /// Goes to the state in which a match may begin after this byte.
    fn start_after(&mut self, byte: Option<u8>) -> Result<(), Stuck> {
        let config = start::Config::new().look_behind(byte);
        let state = self.dfa.start_state(&mut self.cache, &config).map_err(|_| Stuck)?;
        self.row = self.table.row(state, &self.cache);
        Ok(())
    }

    /// Goes on by `least` bytes, then until no match is under way. How many bytes it took, and what it found.
    fn advance(&mut self, bytes: &[u8], least: usize) -> Result<(usize, Option<usize>), Stuck> {
        let least = least.min(bytes.len());
        let mut at = 0;
        loop {
            let (part, to_start) = if at < least {
                (bytes.get(at..least), false)
            } else {
                (bytes.get(at..), true)
            };
            let (row, taken) = self.table.run(self.row, part.unwrap_or_default(), to_start);
            self.row = row;
            at += taken;
            let Some(byte) = bytes.get(at) else {
                return Ok((bytes.len(), None));
            };
            if at == least && !to_start {
                continue;
            }
            at += 1;
            match self.step(*byte)? {
                Step::On if at > least && self.table.is_start(self.row) => return Ok((at, None)),
                Step::On => {}
                Step::Over => return Ok((bytes.len(), None)),
                Step::Found(index) => return Ok((at, Some(index))),
            }
        }
    }

    fn step(&mut self, byte: u8) -> Result<Step, Stuck> {
        if let Some(next) = self.table.step(self.row, byte) {
            self.row = next;
            return Ok(Step::On);
        }
        let clears = self.cache.clear_count();
        let from = self.table.state(self.row);
        let state = self.dfa.next_state(&mut self.cache, from, byte).map_err(|_| Stuck)?;
        let next = self.table.row(state, &self.cache);
        if state.is_match() {
            return Ok(Step::Found(self.which(state)));
        }
        if state.is_quit() {
            return Err(Stuck);
        }
        if clears == self.cache.clear_count() && !state.is_dead() {
            self.table.learn(self.row, byte, next);
        }
        self.row = next;
        Ok(if state.is_dead() { Step::Over } else { Step::On })
    }

    /// The stream is over.
    pub(crate) fn finish(&mut self) -> Result<Option<usize>, Stuck> {
        let from = self.table.state(self.row);
        let state = self.dfa.next_eoi_state(&mut self.cache, from).map_err(|_| Stuck)?;
        Ok(state.is_match().then(|| self.which(state)))
    }

    fn which(&self, state: LazyStateID) -> usize {
        self.dfa.match_pattern(&self.cache, state, 0).as_usize()
    }
}

#[cfg(test)]
#[path = "patterns_tests.rs"]
mod tests;
