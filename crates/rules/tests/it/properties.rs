//! What holds for any text of a setting. The fuzz target `rule_texts` runs this very function.

use std::fmt::Display;
use std::str::FromStr;

use rules::WordingError;
use rules::address::{AddressKey, is_same};
use rules::batch_file::{BATCH_ROWS_MAX, BatchFile};
use rules::filter::Filter;
use rules::macros::{Identity, LoginForm, Person, expand_name, expand_server};
use rules::removal::Removal;
use rules::schedule::{LastRun, Schedule, Zone, ZoneFile};
use rules::sorting::Parties;
use types::{Address, Timestamp};

/// Reads `bytes` as every setting there is, and checks what must hold whatever they are.
pub(crate) fn check(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(filter) = round_trip::<Filter>(&text) {
        let again: Filter = filter.to_string().parse().unwrap();
        assert_eq!(again.fingerprint(), filter.fingerprint(), "{text}");
    }
    round_trip::<Removal>(&text);
    round_trip::<Identity>(&text);
    round_trip::<LoginForm>(&text);
    if let Some(schedule) = round_trip::<Schedule>(&text) {
        check_times(&schedule);
    }
    check_address(&text);
    for code_page in [None, Some("utf-8"), Some("shift_jis")] {
        check_batch_file(bytes, code_page);
    }
    check_zone(bytes);
}

/// Whatever a time zone file says, its offsets are those of a clock somewhere, at any time.
fn check_zone(bytes: &[u8]) {
    // A file whose footer is what was given, and the bytes as they are.
    let mut file = [b"TZif2".as_slice(), &[0; 51]].concat();
    for at in [39, 43] {
        file[at] = 1;
    }
    let block = [0; 7];
    let header = file[..44].to_vec();
    file = [header.as_slice(), &block, &header, &block, b"\n", bytes, b"\n"].concat();
    for file in [bytes, &file] {
        let Ok(zone) = ZoneFile::parse(file) else { continue };
        for at in [i64::MIN, -1, 0, 951_782_400, 1_795_284_100, 1 << 40, i64::MAX] {
            assert!(zone.offset(Timestamp(at)).abs() < 100_000, "{at}");
        }
    }
}

/// What is written is read as the same again; what is wrong is wrong at a place of the text.
fn round_trip<T: FromStr<Err = WordingError> + Display + PartialEq>(text: &str) -> Option<T> {
    match text.parse::<T>() {
        Ok(value) => {
            let written = value.to_string();
            let again = written.parse::<T>();
            assert!(again.is_ok_and(|it| it.to_string() == written), "{text:?}: {written:?}");
            Some(value)
        }
        Err(error) => {
            assert!(text.is_char_boundary(error.position()), "{text:?} at {}", error.position());
            assert!(!error.hint().is_empty() && error.render(text).lines().count() >= 3);
            None
        }
    }
}

/// The next time is not past, not in a window, and the same when it is asked for later.
fn check_times(schedule: &Schedule) {
    // A zone that changes its clocks twice a year, by half an hour.
    let zone = |at: Timestamp| if at.0.div_euclid(15_778_800) % 2 == 0 { 3600 } else { 5400 };
    for now in [Timestamp(0), Timestamp(1_795_284_100), Timestamp(15_778_799)] {
        let Some(next) = schedule.next_after(now, LastRun::default(), &zone) else { continue };
        assert!(next >= now && !schedule.is_closed(next, &zone), "{schedule} after {now}");
        if next.0 > now.0 + 1 {
            let later = Timestamp(now.0 + (next.0 - now.0) / 2);
            let again = schedule.next_after(later, LastRun::default(), &zone);
            assert_eq!(again, Some(next), "{schedule} after {now} and {later}");
        }
    }
}

fn check_address(text: &str) {
    if let Some(key) = AddressKey::read(text) {
        assert!(is_same(text, &format!("  <{}> ", text.trim())) || text.contains(['<', '>']));
        assert!(!key.local().is_empty() && !key.domain().is_empty());
        if let Some(plain) = key.without_detail('+') {
            assert!(key.local().starts_with(plain.local()) && plain.domain() == key.domain());
        }
    }
    let parties = Parties::of_envelope_field(&[Address::bare(text)], Some(text));
    assert!(parties.recipients.iter().all(|it| it.trim() == it && !it.is_empty()), "{text:?}");
    let person = Person { login: "login", address: Some(text) };
    let _ = (expand_name("a^0b", &person), expand_server("^0", &person));
}

fn check_batch_file(bytes: &[u8], code_page: Option<&str>) {
    match BatchFile::read(bytes, code_page) {
        Ok(file) => {
            assert!(file.rows.len() <= BATCH_ROWS_MAX);
            for row in &file.rows {
                assert!(!row.login.is_empty() && !row.password.declassify().is_empty());
                assert!(!row.root().is_empty());
            }
            assert!(file.rows.windows(2).all(|it| it[0].line < it[1].line));
            assert!(file.errors.iter().all(|it| it.line > 0 && it.column > 0));
        }
        Err(error) => assert!(error.line > 0 && error.column > 0 && !error.hint().is_empty()),
    }
}
