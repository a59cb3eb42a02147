//! The automaton's transitions, as far as they are known, where a step is two loads.
//!
//! The automaton itself makes its states as they are needed. What it said once is written down here, since asking it again for
//! each byte takes several times as long as a look into this table.

use std::collections::BTreeMap;

use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::{Cache, DFA};

/// Rows for the states in which no match is under way: one for each kind of byte that may stand before a match.
const START_ROWS: usize = 8;
/// A step that the automaton has to be asked for.
const UNKNOWN: u32 = u32::MAX;

/// Where the row of a state begins in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row(u32);

/// Known steps. It is right for one [`Cache`], until that is cleared.
#[derive(Debug)]
pub(crate) struct Table {
    /// Which bytes the automaton does not tell apart.
    classes: [u8; 256],
    /// How many classes there are.
    width: usize,
    /// For each state and class, the row of the next state.
    next: Vec<u32>,
    /// For each row, the state.
    states: Vec<LazyStateID>,
    rows: BTreeMap<LazyStateID, Row>,
    starts: usize,
    clears: usize,
}

impl Table {
    pub(crate) fn new(dfa: &DFA, cache: &Cache) -> Self {
        let classes: [u8; 256] = std::array::from_fn(|byte| u8::try_from(byte).map_or(0, |byte| dfa.byte_classes().get(byte)));
        let mut table = Self {
            width: classes.iter().max().map_or(1, |most| usize::from(*most) + 1),
            classes,
            next: Vec::new(),
            states: Vec::new(),
            rows: BTreeMap::new(),
            starts: 0,
            clears: cache.clear_count(),
        };
        table.forget();
        table
    }

    fn forget(&mut self) {
        self.rows.clear();
        self.starts = 0;
        self.states.clear();
        self.states.resize(START_ROWS, LazyStateID::default());
        self.next.clear();
        self.next.resize(START_ROWS * self.width, UNKNOWN);
    }

    /// The row of a state that the automaton just gave. All earlier rows are invalid where it had to clear its cache for it.
    pub(crate) fn row(&mut self, state: LazyStateID, cache: &Cache) -> Row {
        if self.clears != cache.clear_count() {
            self.clears = cache.clear_count();
            self.forget();
        }
        if let Some(row) = self.rows.get(&state) {
            return *row;
        }
        let index = if state.is_start() && self.starts < START_ROWS {
            self.starts += 1;
            self.starts - 1
        } else {
            self.states.push(state);
            self.next.resize(self.next.len() + self.width, UNKNOWN);
            self.states.len() - 1
        };
        if let Some(place) = self.states.get_mut(index) {
            *place = state;
        }
        let row = Row(u32::try_from(index * self.width).unwrap_or(UNKNOWN));
        self.rows.insert(state, row);
        row
    }

    /// The state of a row.
    pub(crate) fn state(&self, row: Row) -> LazyStateID {
        self.states.get(row.0 as usize / self.width).copied().unwrap_or_default()
    }

    /// Whether no match is under way.
    pub(crate) fn is_start(&self, row: Row) -> bool {
        (row.0 as usize) < START_ROWS * self.width
    }

    /// The step from a row, where it is known.
    pub(crate) fn step(&self, row: Row, byte: u8) -> Option<Row> {
        self.next
            .get(self.place(row, byte))
            .filter(|next| **next != UNKNOWN)
            .map(|next| Row(*next))
    }

    /// Writes down a step. What led to it must still be valid.
    pub(crate) fn learn(&mut self, row: Row, byte: u8, next: Row) {
        let place = self.place(row, byte);
        if let Some(place) = self.next.get_mut(place) {
            *place = next.0;
        }
    }

    fn place(&self, row: Row, byte: u8) -> usize {
        row.0 as usize + usize::from(self.classes.get(usize::from(byte)).copied().unwrap_or_default())
    }

    /// Takes known steps; with `to_start` up to one that leads into a start state. Where it is, and how many it took.
    pub(crate) fn run(&self, row: Row, bytes: &[u8], to_start: bool) -> (Row, usize) {
        let low = if to_start { self.first_other() } else { 0 };
        let mut row = row;
        let (words, tail) = bytes.as_chunks::<8>();
        for (index, word) in words.iter().enumerate() {
            for (inner, byte) in word.iter().enumerate() {
                match self.run_one(row, *byte, low) {
                    Some(next) => row = next,
                    None => return (row, index * 8 + inner),
                }
            }
        }
        for (index, byte) in tail.iter().enumerate() {
            match self.run_one(row, *byte, low) {
                Some(next) => row = next,
                None => return (row, words.len() * 8 + index),
            }
        }
        (row, bytes.len())
    }

    /// A known step to a row from `low` on.
    #[inline(always)]
    fn run_one(&self, row: Row, byte: u8, low: u32) -> Option<Row> {
        let next = self.next.get(self.place(row, byte)).copied().unwrap_or(UNKNOWN);
        // One comparison for both: what is below wraps around to above.
        (next.wrapping_sub(low) < UNKNOWN - low).then_some(Row(next))
    }

    fn first_other(&self) -> u32 {
        u32::try_from(START_ROWS * self.width).unwrap_or(UNKNOWN)
    }
}
