#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn compiled(patterns: &[&str]) -> Patterns {
    let patterns: Vec<Pattern> = patterns
        .iter()
        .map(|pattern| Pattern {
            name: "p".into(),
            pattern: (*pattern).into(),
        })
        .collect();
    Patterns::compile(&patterns).unwrap()
}

fn found<'a>(patterns: &Patterns, pieces: impl IntoIterator<Item = &'a [u8]>) -> Option<usize> {
    let mut search = patterns.search().unwrap();
    for piece in pieces {
        if let Some(index) = search.feed(piece).unwrap() {
            return Some(index);
        }
    }
    search.finish().unwrap()
}

/// What the automaton says when each byte is a step of it.
fn stepped(patterns: &Patterns, text: &[u8]) -> Option<usize> {
    let dfa = &patterns.dfa;
    let mut cache = dfa.create_cache();
    let mut state = dfa.start_state_forward(&mut cache, &Input::new("")).unwrap();
    for byte in text {
        state = dfa.next_state(&mut cache, state, *byte).unwrap();
        if state.is_match() {
            return Some(dfa.match_pattern(&cache, state, 0).as_usize());
        }
    }
    state = dfa.next_eoi_state(&mut cache, state).unwrap();
    state.is_match().then(|| dfa.match_pattern(&cache, state, 0).as_usize())
}

/// Patterns, and the parts of texts that are hard for them: beginnings, near misses, what stands before and after.
const SETS: &[(&[&str], &[&str])] = &[
    (
        &["(?i)operation nightfall"],
        &["OPERATION ", "nightfall", "operation night", "o", "ope", "x"],
    ),
    (&[r"\bX-[0-9]{4}\b"], &["X-1234", "X-123", "5", "a", "é", ".", "X", "-"]),
    (&[r"secret$", r"^begin"], &["secret", "sec", "begin", "x", "\n"]),
    (&[r"(?m)^to: .*secret$"], &["to: ", "secret", "\n", "x", "to"]),
    (&["abc", "abd", "bcd", "cab"], &["a", "b", "c", "d", "ab", "x"]),
    (
        &["a[^x]*yyy", "(foo|ba+r)[0-9]?zap"],
        &["a", "y", "x", "foo", "baar", "1", "zap", "yyy"],
    ),
    (&["aaaaaaaab", "[ab]{9}c"], &["aaaa", "a", "b", "c", "ab", "x"]),
    (&[r"\Bmid\B", "(?s).....z"], &["mid", "a", " ", "z", "\n"]),
    (
        &[
            "one1", "two2", "three3", "four4", "five5", "six6", "seven7", "eight8", "nine9", "ten10",
        ],
        &["one", "1", "two2", "thre", "e3", "nine", "9", "ten1", "0", "x", " "],
    ),
    (&[r"\xc3[\xa0-\xaf]{2}", r"(?s)\x00.\x00"], &["é", "\0", "x", "à", "\u{ee9}"]),
    // No filter: one may be found in each byte.
    (&["x", "longer than that"], &["longer ", "than that", "y", "x"]),
];

fn random() -> impl FnMut(usize) -> usize {
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    move |below| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    }
}

const ROUNDS: usize = 1500;

#[test]
fn filter_and_table_change_nothing_wherever_the_stream_is_cut() {
    let mut random = random();
    for (patterns, parts) in SETS {
        let filtered = compiled(patterns);
        let plain = build(patterns, CACHE_BYTES).unwrap();
        let mut with = 0;
        for round in 0..ROUNDS {
            let mut text = Vec::new();
            for _ in 0..random(10) {
                // Beginnings without an end must not hide what follows; neither must much that is none.
                let filler = if round % 3 == 0 { random(80) } else { 0 };
                text.extend(std::iter::repeat_n(b'.', filler));
                text.extend_from_slice(parts.get(random(parts.len())).unwrap().as_bytes());
            }
            let wanted = stepped(&plain, &text);
            with += usize::from(wanted.is_some());
            let (a, b) = text.split_at(random(text.len() + 1));
            let text = String::from_utf8_lossy(&text);
            for (way, searched) in [("filtered", &filtered), ("plain", &plain)] {
                let found = found(searched, [a, b]);
                assert_eq!(found, wanted, "{patterns:?}, {way}, in {text:?} cut at {}", a.len());
            }
            let size = 1 + random(40);
            let whole = [a, b].concat();
            assert_eq!(found(&filtered, whole.chunks(size)), wanted, "{patterns:?} in {text:?} by {size}");
        }
        assert!((20..ROUNDS - 20).contains(&with), "{patterns:?}: {with} of {ROUNDS}");
    }
}

#[test]
fn every_place_of_a_match_is_found() {
    let patterns = compiled(&["(?i)operation nightfall", r"\bX-[0-9]{4}\b"]);
    for (text, wanted) in [("Operation Nightfall", 0), ("X-1234", 1)] {
        for before in 0..150 {
            let padded = format!("{}{text} and more of it", "o ".repeat(before));
            assert_eq!(found(&patterns, [padded.as_bytes()]), Some(wanted), "{padded:?}");
            let miss = padded.replace(text, text.get(1..).unwrap());
            assert_eq!(found(&patterns, [miss.as_bytes()]), None, "{miss:?}");
        }
    }
}

#[test]
fn a_pattern_that_is_at_the_beginning_or_nowhere() {
    let patterns = compiled(&["^begin"]);
    assert_eq!(found(&patterns, [&b"beg"[..], b"in"]), Some(0));
    assert_eq!(found(&patterns, [&b"this is no beginning"[..], b"begin"]), None);
}

#[test]
fn a_cache_that_is_cleared_again_and_again_changes_nothing() {
    // Which of the last bytes are `a` makes a state of its own each: more than fit.
    let patterns = &["a[ab]{9}c", "b[ab]{9}dd"];
    let mut small = build(patterns, 0).unwrap();
    small.filter = Filter::new(small.dfa.get_nfa());
    let large = build(patterns, CACHE_BYTES).unwrap();
    let mut random = random();
    let (mut with, mut cleared) = (0, 0);
    for _ in 0..1000 {
        // States are left for good, and come to again right after the cache was cleared.
        let mut text = Vec::new();
        for _ in 0..random(300) {
            let unit = *[&b"a"[..], b"b", b"ab", b"abb", b"aab", b"aabb"].get(random(6)).unwrap();
            text.extend(unit.iter().cycle().take(random(24)));
        }
        let text = [&text, *[&b"c"[..], b"d", b"dd", b".", b"ac"].get(random(5)).unwrap(), &text].concat();
        let wanted = stepped(&large, &text);
        with += usize::from(wanted.is_some());
        let mut search = small.search().unwrap();
        let found = text.chunks(1 + random(900)).find_map(|piece| search.feed(piece).unwrap());
        let found = match found {
            Some(index) => Some(index),
            None => search.finish().unwrap(),
        };
        assert_eq!(found, wanted, "{}", String::from_utf8_lossy(&text));
        cleared += search.cache.clear_count();
    }
    assert!((20..980).contains(&with), "{with}");
    assert!(cleared > 1000, "{cleared}");
}

#[test]
fn what_stands_where_the_filter_gave_up_is_found_too() {
    let patterns = compiled(&["[ab]{31}c", r"\b[ab]+ secret\b"]);
    let mut random = random();
    let mut with = 0;
    for _ in 0..60 {
        let mut text = Vec::new();
        while text.len() < 50_000 {
            text.extend(b"ab".iter().cycle().skip(random(2)).take(random(200).min(random(200))));
            text.extend_from_slice(if random(50) == 0 { b" plain text, " } else { b"x" });
        }
        let at = random(text.len());
        let what: [&[u8]; 4] = [b"ababababababababababababababababc", b"ab secret", b" ab secret ", b"abababc"];
        text.splice(at..at, what.get(random(4)).unwrap().iter().copied());
        let wanted = stepped(&patterns, &text);
        with += usize::from(wanted.is_some());
        let found = found(&patterns, text.chunks(1 + random(30_000)));
        assert_eq!(found, wanted, "at {at}");
    }
    assert!((10..55).contains(&with), "{with}");
}

#[test]
fn the_filter_gives_up_where_it_does_not_pay() {
    let alone = |text: &str| {
        let patterns = compiled(&["[ab]{31}c"]);
        let filter = patterns.filter.as_ref().unwrap();
        let (mut effort, mut at, mut alone) = (Effort::default(), 0, 0);
        while at < text.len() {
            at = filter.next_begin(text.as_bytes(), at, &mut effort);
            let steps = effort.steps().max(1).min(text.len() - at);
            alone += steps;
            at += steps;
        }
        alone
    };
    // Here the window would be read to its beginning each time, to move by one.
    let text = "ab".repeat(200_000);
    assert!(alone(&text) > text.len() * 98 / 100);
    // Where no step of the automaton is needed.
    let text = "most texts have other characters, too. ".repeat(10_000);
    assert!(alone(&text) < 100);
}
