//! What a commit promises, and what a crash leaves.

use std::fs;
use std::path::Path;
use std::process::Command;

use ports::Index;
use search::{Indexer, Resolved, SearchErrorKind, Searcher};
use types::Position;

use crate::library::{Letter, index_of, numbers, position};

fn letter(word: &str) -> Letter {
    Letter::new("", word, "")
}

fn open(dir: &Path) -> Indexer {
    Indexer::open(dir).unwrap()
}

fn found(dir: &Path, query: &str) -> Vec<u32> {
    numbers(&Searcher::open(dir).unwrap(), query, None, &Resolved::default()).unwrap()
}

/// What a power cut would leave: the files as they are now, without the lock.
fn crashed_copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    for file in fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        // Files that are being replaced meanwhile may be gone.
        let _ = fs::copy(file.path(), to.path().join(file.file_name()));
    }
    to
}

#[test]
fn nothing_is_found_before_the_commit() {
    let dir = tempfile::tempdir().unwrap();
    let mut indexer = open(dir.path());
    assert_eq!(indexer.position(), Position::default());
    indexer.add(letter("a").doc(0)).unwrap();
    let searcher = Searcher::open(dir.path()).unwrap();
    let resolved = Resolved::default();
    assert_eq!(numbers(&searcher, "a", None, &resolved).unwrap(), [0; 0]);
    indexer.commit(position(5)).unwrap();
    assert_eq!(indexer.position(), position(5));
    assert_eq!(numbers(&searcher, "a", None, &resolved).unwrap(), [0; 0], "not before a reload");
    assert_eq!(searcher.position(), Position::default());
    assert_eq!(searcher.reload().unwrap(), position(5));
    assert_eq!(numbers(&searcher, "a", None, &resolved).unwrap(), [0]);
}

#[test]
fn position_and_root_survive() {
    let dir = tempfile::tempdir().unwrap();
    let mut indexer = open(dir.path());
    indexer.add(letter("a").doc(0)).unwrap();
    indexer.commit(position(5)).unwrap();
    // Entries that place no message move the position too.
    indexer.commit(position(9)).unwrap();
    Box::new(indexer).close().unwrap();
    assert_eq!(open(dir.path()).position(), position(9));
    assert_eq!(Searcher::open(dir.path()).unwrap().position(), position(9));
}

#[test]
fn feeding_again_adds_nothing_twice() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let mut indexer = open(dir.path());
        for n in 0..=round {
            indexer.add(letter("a").doc(n)).unwrap();
            indexer.add(letter("a").doc(n)).unwrap();
        }
        indexer.commit(position(u64::from(round) + 1)).unwrap();
        Box::new(indexer).close().unwrap();
        assert_eq!(found(dir.path(), "a"), (0..=round).collect::<Vec<_>>());
    }
}

#[test]
fn a_crash_before_the_commit_leaves_the_commit_before() {
    let dir = tempfile::tempdir().unwrap();
    let mut indexer = open(dir.path());
    indexer.add(letter("a").doc(0)).unwrap();
    indexer.commit(position(1)).unwrap();
    for n in 1..50 {
        indexer.add(letter("b").doc(n)).unwrap();
    }
    let after_crash = crashed_copy(dir.path());
    let mut again = open(after_crash.path());
    assert_eq!(again.position(), position(1));
    assert_eq!(found(after_crash.path(), ""), [0]);
    for n in 0..50 {
        again.add(letter("b").doc(n)).unwrap();
    }
    again.commit(position(50)).unwrap();
    Box::new(again).close().unwrap();
    assert_eq!(found(after_crash.path(), "b"), (1..50).collect::<Vec<_>>());
    assert_eq!(found(after_crash.path(), "a"), [0]);
}

#[test]
fn many_commits_become_few_segments() {
    let groups: Vec<Vec<Letter>> =
        (0..30).map(|it| vec![letter("a"), letter(&format!("w{it}"))]).collect();
    let groups: Vec<&[Letter]> = groups.iter().map(Vec::as_slice).collect();
    let (dir, searcher) = index_of(&groups);
    let resolved = Resolved::default();
    assert_eq!(numbers(&searcher, "a", None, &resolved).unwrap().len(), 30);
    assert_eq!(numbers(&searcher, "w7", None, &resolved).unwrap(), [15]);
    let segments = fs::read_dir(dir.path())
        .unwrap()
        .filter(|it| it.as_ref().unwrap().path().extension().is_some_and(|it| it == "idx"));
    let count = segments.count();
    assert!(count < 4, "closing merges, and removes what it merged: {count} are left");
    searcher.verify().unwrap();
}

#[test]
fn a_second_writer_waits_its_turn() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path());
    let error = Indexer::open(dir.path()).err().unwrap();
    assert_eq!(error.kind(), SearchErrorKind::Busy);
    drop(first);
    open(dir.path());
}

#[test]
fn what_is_not_our_index_asks_for_a_rebuild() {
    let rebuild = |dir: &Path, what: &str| {
        let searcher = Searcher::open(dir).err().unwrap_or_else(|| panic!("{what}"));
        let indexer = Indexer::open(dir).err().unwrap_or_else(|| panic!("{what}"));
        assert_eq!(searcher.kind(), SearchErrorKind::Rebuild, "{what}: {searcher}");
        assert_eq!(indexer.kind(), SearchErrorKind::Rebuild, "{what}: {indexer}");
    };
    let alien = tempfile::tempdir().unwrap();
    fs::write(alien.path().join("note.txt"), "not an index").unwrap();
    rebuild(alien.path(), "another directory");

    let (dir, _) = index_of(&[&[letter("a")]]);
    let meta = fs::read_to_string(dir.path().join("meta.json")).unwrap();
    let edits: [(&str, String); 5] = [
        ("other payload", meta.replace("posthold-index 1", "posthold-index 2")),
        ("other tokenizer", meta.replace("posthold.text.1", "posthold.text.0")),
        ("other field", meta.replace("\"subject\"", "\"topic\"")),
        ("cut short", meta[..meta.len() / 2].into()),
        ("empty", String::new()),
    ];
    for (what, edited) in edits {
        assert_ne!(edited, meta, "{what}");
        fs::write(dir.path().join("meta.json"), edited).unwrap();
        rebuild(dir.path(), what);
    }
    let missing = dir.path().join("missing");
    assert_eq!(Searcher::open(&missing).unwrap_err().kind(), SearchErrorKind::Rebuild);
}

#[test]
fn a_flipped_bit_is_noticed_by_verify() {
    let letters: Vec<Letter> = (0..50).map(|it| letter(&format!("word{it} common"))).collect();
    let (dir, searcher) = index_of(&[&letters]);
    searcher.verify().unwrap();
    drop(searcher);
    let segment_files: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|it| it.unwrap().path())
        .filter(|it| it.file_stem().is_some_and(|it| it.len() == 32))
        .collect();
    assert!(6 <= segment_files.len());
    for file in segment_files {
        let bytes = fs::read(&file).unwrap();
        let mut flipped = bytes.clone();
        flipped[bytes.len() / 3] ^= 0x10;
        fs::write(&file, flipped).unwrap();
        let verdict = Searcher::open(dir.path()).and_then(|it| it.verify());
        assert_eq!(verdict.unwrap_err().kind(), SearchErrorKind::Rebuild, "{file:?}");
        fs::write(&file, bytes).unwrap();
    }
}

/// Runs itself as a second process, which reads while this one writes.
#[test]
fn another_process_reads_while_this_one_writes() {
    const DIR: &str = "POSTHOLD_TEST_INDEX";
    if let Some(dir) = std::env::var_os(DIR) {
        let searcher = Searcher::open(Path::new(&dir)).unwrap();
        let hits = numbers(&searcher, "a", None, &Resolved::default()).unwrap();
        assert_eq!(hits.len(), usize::try_from(searcher.position().entries).unwrap());
        assert_eq!(hits.len(), 3);
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut indexer = open(dir.path());
    for n in 0..3 {
        indexer.add(letter("a").doc(n)).unwrap();
    }
    indexer.commit(position(3)).unwrap();
    indexer.add(letter("a").doc(3)).unwrap();
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "commits::another_process_reads_while_this_one_writes"])
        .env(DIR, dir.path())
        .status()
        .unwrap();
    assert!(status.success());
    indexer.commit(position(4)).unwrap();
}

#[test]
fn threads_search_while_the_index_grows() {
    let dir = tempfile::tempdir().unwrap();
    let mut indexer = open(dir.path());
    indexer.add(letter("a").doc(0)).unwrap();
    indexer.commit(position(1)).unwrap();
    let searcher = Searcher::open(dir.path()).unwrap();
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let resolved = Resolved::default();
            let mut most = 0;
            while most < 20 {
                let entries = searcher.reload().unwrap().entries;
                let hits = numbers(&searcher, "a", None, &resolved).unwrap().len();
                assert!(entries <= u64::try_from(hits).unwrap() && most <= hits);
                most = hits;
            }
        });
        for n in 1..20 {
            indexer.add(letter("a").doc(n)).unwrap();
            indexer.commit(position(u64::from(n) + 1)).unwrap();
        }
        reader.join().unwrap();
    });
}

/// Every word of every segment that the index of a directory has, or has files of.
fn terms(dir: &Path) -> Vec<String> {
    let index = tantivy::Index::open_in_dir(dir).unwrap();
    let mut terms = Vec::new();
    for segment in index.searchable_segments().unwrap() {
        let reader = tantivy::SegmentReader::open(&segment).unwrap();
        let text = index.schema().get_field("subject").unwrap();
        let inverted = reader.inverted_index(text).unwrap();
        let mut stream = inverted.terms().stream().unwrap();
        while stream.advance() {
            terms.push(String::from_utf8_lossy(stream.key()).into_owned());
        }
    }
    // No file of a segment that is none any more is left.
    let segments = index.searchable_segment_ids().unwrap();
    for file in fs::read_dir(dir).unwrap() {
        let name = file.unwrap().file_name().to_string_lossy().into_owned();
        let of_segment = segments.iter().any(|it| name.starts_with(&it.uuid_string()));
        assert!(of_segment || name.starts_with('.') || name == "meta.json", "{name}");
    }
    terms
}

/// What is forgotten is found no more with the next commit, whether it was there before or not.
#[test]
fn a_forgotten_message_is_not_found_by_its_words() {
    let dir = tempfile::tempdir().unwrap();
    let mut indexer = Indexer::open(dir.path()).unwrap();
    for (n, text) in (0u32..).zip(["plain words", "secret words", "more words"]) {
        indexer.add(letter(text).doc(n)).unwrap();
    }
    indexer.commit(position(3)).unwrap();
    let searcher = Searcher::open(dir.path()).unwrap();
    let found = |text: &str| numbers(&searcher, text, None, &Resolved::default()).unwrap();
    indexer.add(letter("late words").doc(3)).unwrap();
    indexer.add(letter("last words").doc(4)).unwrap();
    indexer.forget(&[1, 3].into_iter().collect()).unwrap();
    searcher.reload().unwrap();
    assert_eq!(found("words"), [0, 1, 2], "nothing is committed");
    indexer.commit(position(6)).unwrap();
    assert_eq!(searcher.reload().unwrap(), position(6));
    assert_eq!(found("words"), [0, 2, 4]);
    assert_eq!(
        (found("secret"), found("late"), found("-nothing")),
        (vec![], vec![], vec![0, 2, 4])
    );
    indexer.erase(&[1, 3].into_iter().collect()).unwrap();
    Box::new(indexer).close().unwrap();
    assert!(!terms(dir.path()).contains(&"secret".to_owned()), "and then it is in no file");
}

/// What is erased is found no more, counts nowhere, and its words are in no file.
#[test]
fn an_erased_message_leaves_no_word() {
    let dir = tempfile::tempdir().unwrap();
    let mut indexer = Indexer::open(dir.path()).unwrap();
    let texts = ["plain words", "zqxvwkj words", "more words", "other words"];
    for (n, text) in (0u32..).zip(texts) {
        indexer.add(letter(text).doc(n)).unwrap();
        indexer.commit(position(u64::from(n) + 1)).unwrap();
    }
    Box::new(indexer).close().unwrap();
    assert!(terms(dir.path()).contains(&"zqxvwkj".to_owned()));
    let mut indexer = Indexer::open(dir.path()).unwrap();
    indexer.erase(&[1, 3].into_iter().collect()).unwrap();
    assert_eq!(indexer.position(), position(4));
    Box::new(indexer).close().unwrap();
    assert!(!terms(dir.path()).contains(&"zqxvwkj".to_owned()));
    assert!(terms(dir.path()).contains(&"plain".to_owned()));
    let searcher = Searcher::open(dir.path()).unwrap();
    let found = numbers(&searcher, "words", None, &Resolved::default()).unwrap();
    assert_eq!(found, [0, 2]);
    let mut indexer = Indexer::open(dir.path()).unwrap();
    indexer.add(letter("late words").doc(4)).unwrap();
    indexer.commit(position(5)).unwrap();
    Box::new(indexer).close().unwrap();
    let searcher = Searcher::open(dir.path()).unwrap();
    assert_eq!(numbers(&searcher, "words", None, &Resolved::default()).unwrap(), [0, 2, 4]);
}

/// However they were committed and merged, two indexes of the same letters do not differ; any
/// other word, place or value does, and the letter is named.
#[test]
fn two_indexes_are_compared() {
    let letters = |changed: Option<(usize, &dyn Fn(Letter) -> Letter)>| {
        let all = (0..40).map(|n| {
            let letter = Letter::new("Ann <a@x.org>", &format!("letter {n}"), "one two three two")
                .to("b@x.org")
                .attached(&format!("file-{}.pdf", n % 3))
                .id(&format!("<{n}@x>"));
            match changed {
                Some((at, change)) if at == n => change(letter),
                _ => letter,
            }
        });
        all.collect::<Vec<_>>()
    };
    let index_of = |letters: &[Letter], every: usize| {
        let dir = tempfile::tempdir().unwrap();
        let mut indexer = Indexer::open(dir.path()).unwrap();
        for (n, letter) in (0..).zip(letters) {
            indexer.add(letter.doc(n)).unwrap();
            if (n as usize + 1).is_multiple_of(every) {
                indexer.commit(position(n.into())).unwrap();
            }
        }
        indexer.commit(position(99)).unwrap();
        Box::new(indexer).close().unwrap();
        (Searcher::open(dir.path()).unwrap(), dir)
    };
    let differing = |here: &Searcher, right: &Searcher, leave_out: &[u32]| {
        let leave_out = leave_out.iter().copied().collect();
        let found = here.differing(right, &leave_out).unwrap();
        let found = found.into_iter().map(|it| (it.field, it.messages.iter().collect::<Vec<_>>()));
        found.collect::<Vec<_>>()
    };
    let (right, _dir) = index_of(&letters(None), 40);
    for every in [1, 7, 40] {
        let (here, _dir) = index_of(&letters(None), every);
        assert_eq!(differing(&here, &right, &[]), [], "committed every {every}");
    }
    type Change = fn(Letter) -> Letter;
    let cases: [(&[&str], Change); 7] = [
        (&["body"], |mut it| {
            it.message.text = "one two three four".into();
            it
        }),
        // The same words at other places.
        (&["body"], |mut it| {
            it.message.text = "two one three two".into();
            it
        }),
        (&["subject", "values"], |mut it| {
            it.message.subject.push_str(" and more");
            it
        }),
        (&["to"], |it| it.to("c@x.org")),
        (&["filename"], |it| it.attached("more.txt")),
        (&["values"], |it| it.sized(7)),
        (&["values"], |it| it.id("<other@x>")),
    ];
    for (fields, change) in cases {
        let (here, _dir) = index_of(&letters(Some((23, &change))), 7);
        let want: Vec<_> = fields.iter().map(|it| (*it, vec![23])).collect();
        assert_eq!(differing(&here, &right, &[]), want);
        assert_eq!(differing(&right, &here, &[]), want, "the other way round");
        assert_eq!(differing(&here, &right, &[23]), []);
    }
    let (here, _dir) = index_of(&letters(None)[..39], 7);
    assert!(differing(&here, &right, &[]).iter().all(|it| it.1 == [39]));
}
