//! The index returns exactly what a direct reading of the query on the messages returns.

use search::{Order, Resolved, Scope, SearchOptions};
use types::MessageSet;

use crate::library::{Letter, NOW, index_of};
use crate::model;

/// A generator of numbers that is the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }

    /// Up to `most` words, separated in several ways.
    fn text(&mut self, most: usize) -> String {
        let mut text = String::new();
        for _ in 0..self.below(most + 1) {
            text.push_str(self.pick(&WORDS));
            text.push_str(self.pick(&[" ", " ", "-", ".\n", "_", "、"]));
        }
        text
    }

    fn addresses(&mut self) -> String {
        let mut list = Vec::new();
        for _ in 0..self.below(3) {
            list.push(self.pick(&PEOPLE).to_owned());
        }
        list.join(";")
    }

    fn letter(&mut self) -> Letter {
        let days = |dice: &mut Dice| i64::try_from(dice.below(60)).unwrap();
        let mut letter = Letter::new(&self.addresses(), &self.text(4), &self.text(12))
            .to(&self.addresses())
            .cc(&self.addresses(), &self.addresses())
            .id(self.pick(&["", "1@x", "2@x"]))
            .sized(u64::try_from(self.below(5)).unwrap() * 1024);
        for _ in 0..self.below(3) {
            letter = letter.attached(self.pick(&FILES));
        }
        letter.dated(days(self), days(self))
    }

    fn query(&mut self, depth: usize) -> String {
        let leaf = depth == 0 || self.below(3) == 0;
        if leaf {
            return self.leaf();
        }
        let (left, right) = (self.query(depth - 1), self.query(depth - 1));
        match self.below(5) {
            0 => format!("{left} {right}"),
            1 => format!("({left} OR {right})"),
            2 => format!("-({left})"),
            3 => format!("({left}) -({right})"),
            _ => format!("{left} OR {right}"),
        }
    }

    fn leaf(&mut self) -> String {
        let field =
            self.pick(&["", "", "", "subject:", "body:", "from:", "to:", "cc:", "filename:"]);
        match self.below(9) {
            0..3 => format!("{field}{}", self.pick(&WORDS)),
            3 => format!("{field}\"{} {}\"", self.pick(&WORDS), self.pick(&WORDS)),
            4 => format!("{field}{}-{}", self.pick(&WORDS), self.pick(&GLOBS)),
            5 => format!("{field}{}", self.pick(&GLOBS)),
            6 => format!("{}{}", self.pick(&["from:", "to:", "cc:", ""]), self.pick(&ADDRESSES)),
            7 => self.pick(&OTHERS).into(),
            _ => self.pick(&["folder:a", "is:flagged"]).into(),
        }
    }
}

const WORDS: [&str; 12] =
    ["alpha", "Alpine", "beta", "été", "ete", "a", "b", "年度", "報告", "x1", "STRASSE", "straße"];
const GLOBS: [&str; 9] = ["al*", "a*", "?lpha-*a", "alp?a", "b*a", "é*", "年*", "x?", "str*e"];
const PEOPLE: [&str; 6] = [
    "Alpha Beta <alpha@x.example>",
    "alpha.beta@x.example",
    "beta <alpha@sub.x.example>",
    "beta@x.example",
    "no address",
    "@x.example",
];
const ADDRESSES: [&str; 7] =
    ["alpha@x.example", "@x.example", "alpha@", "beta@x*", "x.example", "alpha*@x", "sub.x"];
const FILES: [&str; 5] = ["alpha beta.pdf", "Alpha-Beta.pdf", "b.txt", "beta", "報告 2.pdf"];
const OTHERS: [&str; 12] = [
    "has:attachment",
    "larger:1k",
    "smaller:2k",
    "date:30d",
    "before:20d",
    "after:10d",
    "archived:2w",
    "message-id:1@x",
    "filename:a*.pdf",
    "filename:alpha-b*",
    "date:40d..20d",
    "smaller:0",
];

#[test]
fn random_queries_over_random_messages() {
    for seed in 0..12 {
        let mut dice = Dice(seed);
        let letters: Vec<Letter> = (0..40).map(|_| dice.letter()).collect();
        let (first, second) = letters.split_at(dice.below(letters.len()));
        let (_dir, searcher) = index_of(&[first, second]);
        for _ in 0..250 {
            let text = dice.query(3);
            // Some combinations are wrong queries (a wildcard in front); those say so.
            let Ok(query) = query::parse(&text, NOW) else { continue };
            let mut resolved = Resolved::default();
            for term in query.catalog_terms() {
                resolved.insert(term.clone(), (0..40).filter(|_| dice.below(2) == 0).collect());
            }
            let visible: Option<MessageSet> =
                (dice.below(2) == 0).then(|| (0..40).filter(|_| dice.below(3) > 0).collect());
            let mut want: Vec<u32> = (0..40)
                .zip(&letters)
                .filter(|(n, it)| model::finds(&query.root, it, *n, &resolved))
                .map(|(n, _)| n)
                .filter(|n| visible.as_ref().is_none_or(|it| it.contains(*n)))
                .collect();
            let scope = Scope { visible: visible.as_ref(), resolved: &resolved };
            let matches = searcher.matching(&query, &scope).unwrap();
            let wanted: MessageSet = want.iter().copied().collect();
            if let Some(n) = (0..40).find(|n| matches.messages.contains(*n) != wanted.contains(*n))
            {
                panic!("seed {seed}, {text}: message {n}: {:#?}", letters[n as usize].message);
            }

            let options = SearchOptions { order: Order::ByDate, limit: 7, offset: 1 };
            let hits = searcher.search(&query, &scope, &options).unwrap();
            assert_eq!(hits.total, u64::try_from(want.len()).unwrap());
            want.sort_by_key(|n| std::cmp::Reverse((letters[*n as usize].date, *n)));
            let want: Vec<u32> = want.into_iter().skip(1).take(7).collect();
            assert_eq!(hits.hits.iter().map(|it| it.n).collect::<Vec<_>>(), want, "{seed}: {text}");

            let options = SearchOptions { order: Order::ByRelevance, limit: 40, offset: 0 };
            let ranked = searcher.search(&query, &scope, &options).unwrap();
            assert_eq!(u64::try_from(ranked.hits.len()).unwrap(), hits.total);
            assert!(ranked.hits.is_sorted_by(|a, b| b.score <= a.score), "{seed}: {text}");
        }
    }
}

#[test]
fn most_random_queries_are_queries() {
    let mut dice = Dice(99);
    let texts: Vec<String> = (0..500).map(|_| dice.query(3)).collect();
    let good = texts.iter().filter(|it| query::parse(it, NOW).is_ok()).count();
    assert!(350 < good, "{good} of 500");
}
