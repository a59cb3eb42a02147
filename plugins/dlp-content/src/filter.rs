//! Where matches may begin: most of a text is passed over without a step of the automaton.
//!
//! Every match begins with some bytes of which each is one of a set. For `(?i)no[0-9]` they are: `n` or `N`, `o` or `O`, a
//! digit. A window of as many bytes is read from its end towards its beginning, only as far as what was read may still stand
//! somewhere in such a beginning; then the window moves to the next place where it may be one. That is the algorithm BNDM
//! (Navarro and Raffinot, "A Bit-Parallel Approach to Suffix Automata", 1998) with sets of bytes instead of bytes.

use regex_automata::nfa::thompson::{NFA, State};
use regex_automata::util::primitives::StateID;

/// Patterns that are told apart. Where there are more, some share their sets.
const MAX_GROUPS: usize = 8;
/// Bytes of a match's beginning that are looked at: longer windows move faster, up to a point.
const MAX_LENGTH: usize = 32;
/// A shorter window moves no faster than the automaton goes.
const MIN_LENGTH: usize = 3;

/// So many bytes at a window's end are read at once, where the window is at least twice as long (BNDMq: Ďurian, Holub, Peltola
/// and Tarhio, "Tuning BNDM with q-Grams", 2009).
const QUICK: usize = 3;

/// The beginnings of all matches.
#[derive(Debug)]
pub(crate) struct Filter {
    /// For each byte: at which places of which beginnings it may stand. A group has `length` bits, the first place the lowest.
    places: Box<[u64; 256]>,
    /// The first place of each group.
    first: u64,
    length: usize,
    quick: Option<Quick>,
}

/// What three bytes at a window's end rule out.
#[derive(Debug)]
struct Quick {
    /// For each byte as the first, second and last of them: where the three may then begin.
    begins: Box<[[u64; 256]; QUICK]>,
    /// How far the window moves where they may stand nowhere.
    moved: usize,
}

impl Filter {
    /// None where matches can be too short.
    pub(crate) fn new(nfa: &NFA) -> Option<Self> {
        let starts: Vec<StateID> = nfa.patterns().filter_map(|pattern| nfa.start_pattern(pattern)).collect();
        let groups = starts.len().clamp(1, MAX_GROUPS);
        let mut length = MAX_LENGTH.min(64 / groups);
        let mut beginnings = Vec::with_capacity(starts.len());
        for start in starts {
            let sets = beginning(nfa, start, length);
            length = length.min(sets.len());
            if length < MIN_LENGTH {
                return None;
            }
            beginnings.push(sets);
        }
        let mut places = Box::new([0; 256]);
        for (index, sets) in beginnings.iter().enumerate() {
            let group = (index % groups) * length;
            for (place, set) in sets.iter().take(length).enumerate() {
                for (bits, has) in places.iter_mut().zip(set) {
                    *bits |= u64::from(*has) << (group + place);
                }
            }
        }
        let first = (0..groups).fold(0, |first, group| first | 1 << (group * length));
        let quick = (length >= 2 * QUICK).then(|| Quick::new(&places, first, length));
        Some(Self {
            places,
            first,
            length,
            quick,
        })
    }

    /// The first place from `at` on where a match may begin; or an earlier one when the search for it costs too much.
    /// It does not look beyond the bytes: near their end matches may begin.
    pub(crate) fn next_begin(&self, bytes: &[u8], at: usize, effort: &mut Effort) -> usize {
        let mut begin = at;
        let mut counted = at;
        loop {
            if let Some(quick) = &self.quick {
                begin += quick.skipped(bytes.get(begin + self.length - QUICK..).unwrap_or_default());
            }
            let Some(window) = bytes.get(begin..).and_then(|rest| rest.get(..self.length)) else {
                return begin;
            };
            // Where the window moves: what was read stands at the beginning of a match.
            let mut moved = self.length;
            let mut places = u64::MAX;
            let mut unread = self.length;
            for byte in window.iter().rev() {
                places &= self.places_of(*byte);
                if places == 0 {
                    break;
                }
                unread -= 1;
                if places & self.first != 0 {
                    if unread == 0 {
                        effort.found();
                        return begin;
                    }
                    moved = unread;
                }
                places = (places & !self.first) >> 1;
            }
            begin += moved;
            if !effort.is_worth(self.length - unread, begin - counted) {
                return begin;
            }
            counted = begin;
        }
    }

    fn places_of(&self, byte: u8) -> u64 {
        self.places.get(usize::from(byte)).copied().unwrap_or_default()
    }
}

impl Quick {
    fn new(places: &[u64; 256], first: u64, length: usize) -> Self {
        let before = |places: [u64; 256]| places.map(|places| (places & !first) >> 1);
        Self {
            begins: Box::new([*places, before(*places), before(before(*places))]),
            moved: length - QUICK + 1,
        }
    }

    /// How far a window moves whose last bytes are these, with what follows.
    fn skipped(&self, ends: &[u8]) -> usize {
        let [first, second, last] = &*self.begins;
        let begins = |table: &[u64; 256], byte: u8| table.get(usize::from(byte)).copied().unwrap_or_default();
        let mut moved = 0;
        for end in ends.chunks(self.moved) {
            // For most texts this is foreseen by the processor.
            match end.first_chunk::<QUICK>() {
                Some([a, b, c]) if begins(first, *a) & begins(second, *b) & begins(last, *c) == 0 => moved += self.moved,
                _ => break,
            }
        }
        moved
    }
}

/// For each of the first bytes of a match, `most` of them at most, whether it may be this byte.
fn beginning(nfa: &NFA, start: StateID, most: usize) -> Vec<[bool; 256]> {
    let mut sets = Vec::with_capacity(most);
    let mut states = vec![start];
    while sets.len() < most {
        let mut set = [false; 256];
        let mut next = Vec::new();
        if !step(nfa, states, &mut set, &mut next) {
            break;
        }
        sets.push(set);
        states = next;
    }
    sets
}

/// The bytes that lead on from these states, and where to. False when a match may end here.
fn step(nfa: &NFA, mut states: Vec<StateID>, set: &mut [bool; 256], next: &mut Vec<StateID>) -> bool {
    let mut seen = vec![false; nfa.states().len()];
    let mut into = vec![false; nfa.states().len()];
    let mut lead = |from: u8, to: u8, state: StateID| {
        let range = usize::from(from)..=usize::from(to);
        set.get_mut(range).unwrap_or_default().fill(true);
        if let Some(into) = into.get_mut(state.as_usize())
            && !std::mem::replace(into, true)
        {
            next.push(state);
        }
    };
    while let Some(id) = states.pop() {
        if seen.get_mut(id.as_usize()).is_none_or(|seen| std::mem::replace(seen, true)) {
            continue;
        }
        match nfa.state(id) {
            State::ByteRange { trans } => lead(trans.start, trans.end, trans.next),
            State::Sparse(sparse) => sparse.transitions.iter().for_each(|one| lead(one.start, one.end, one.next)),
            State::Dense(dense) => {
                for (byte, state) in (0..=u8::MAX).zip(&dense.transitions) {
                    if *state != StateID::ZERO {
                        lead(byte, byte, *state);
                    }
                }
            }
            // What is around a match is the automaton's business.
            State::Look { next, .. } | State::Capture { next, .. } => states.push(*next),
            State::Union { alternates } => states.extend_from_slice(alternates),
            State::BinaryUnion { alt1, alt2 } => states.extend([*alt1, *alt2]),
            State::Fail => {}
            State::Match { .. } => return false,
        }
    }
    true
}

/// Keeps the filter from costing more than it saves: some texts look like beginnings of matches throughout.
#[derive(Debug)]
pub(crate) struct Effort {
    /// Bytes passed over, less what that cost in steps. Bounded above: what was won long ago is no reason to go on.
    won: isize,
}

impl Effort {
    const START: isize = 1024;
    /// What a window costs beyond the bytes read.
    const WINDOW: isize = 4;
    /// What it costs to set the automaton to a new place.
    const RESTART: isize = 16;
    /// How far the automaton goes alone after the filter did not pay.
    const ALONE: usize = 16 * 1024;
}

impl Default for Effort {
    fn default() -> Self {
        Self { won: Self::START }
    }
}

impl Effort {
    fn is_worth(&mut self, read: usize, moved: usize) -> bool {
        let balance = moved.cast_signed() - read.cast_signed() - Self::WINDOW;
        self.won = (self.won + balance).min(Self::START);
        self.won > 0
    }

    fn found(&mut self) {
        self.won -= Self::RESTART;
    }

    /// How far the automaton should go before the filter is asked again.
    pub(crate) fn steps(&mut self) -> usize {
        if self.won > 0 {
            return 0;
        }
        self.won = Self::START;
        Self::ALONE
    }
}
