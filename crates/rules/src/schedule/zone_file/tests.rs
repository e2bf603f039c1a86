use super::*;

/// A file of version 2: changes with the number of their type, types, a footer.
fn file(changes: &[(i64, u8)], types: &[i32], footer: &str) -> Vec<u8> {
    let header = |n_changes: usize, n_types: usize| {
        let mut bytes = b"TZif2".to_vec();
        bytes.extend([0; 15]);
        let counts = [0, 0, 0, n_changes, n_types, 1].map(|it| u32::try_from(it).unwrap());
        bytes.extend(counts.iter().flat_map(|it| it.to_be_bytes()));
        bytes
    };
    let mut bytes = header(0, 1);
    bytes.extend([0; 7]);
    bytes.extend(header(changes.len(), types.len()));
    bytes.extend(changes.iter().flat_map(|(at, _)| at.to_be_bytes()));
    bytes.extend(changes.iter().map(|(_, kind)| kind));
    for offset in types {
        bytes.extend(offset.to_be_bytes());
        bytes.extend([0, 0]);
    }
    bytes.push(0);
    bytes.extend(format!("\n{footer}\n").bytes());
    bytes
}

fn moment(text: &str) -> Timestamp {
    let part = |from: usize, len: usize| text.get(from..from + len).unwrap();
    let number = |from: usize, len: usize| part(from, len).parse::<u8>().unwrap();
    let civil = Civil {
        year: part(0, 4).parse().unwrap(),
        month: number(5, 2),
        day: number(8, 2),
        hour: number(11, 2),
        minute: number(14, 2),
        second: 0,
    };
    Timestamp::from_civil(civil)
}

use types::Civil;

#[test]
fn changes_and_footer() {
    let bytes = file(&[(100, 1), (200, 0), (300, 2)], &[-60, 3_600, 7_200], "UTC-5");
    let zone = ZoneFile::parse(&bytes).unwrap();
    let cases = [
        (i64::MIN, -60),
        (99, -60),
        (100, 3_600),
        (199, 3_600),
        (200, -60),
        (299, -60),
        (300, 18_000),
        (i64::MAX, 18_000),
    ];
    for (at, want) in cases {
        assert_eq!(zone.offset(Timestamp(at)), want, "{at}");
    }
    let forever = ZoneFile::parse(&file(&[(100, 1)], &[-60, 3_600], "")).unwrap();
    assert_eq!(forever.offset(Timestamp(i64::MAX)), 3_600);
    let fixed = ZoneFile::parse(&file(&[], &[-60], "<+0530>-5:30")).unwrap();
    assert_eq!(fixed.offset(Timestamp(0)), 19_800, "without changes the footer counts always");
}

#[test]
fn footers() {
    let check = |footer: &str, cases: &[(&str, i32)]| {
        let zone = ZoneFile::parse(&file(&[], &[0], footer)).unwrap();
        for (at, hours) in cases {
            let got = zone.offset(moment(at));
            assert_eq!(got, hours * 3_600, "{footer} {at}");
        }
    };
    check(
        "CET-1CEST,M3.5.0,M10.5.0/3",
        &[
            ("2026-03-29T00:59", 1),
            ("2026-03-29T01:00", 2),
            ("2026-10-25T00:59", 2),
            ("2026-10-25T01:00", 1),
            ("2100-07-01T00:00", 2),
        ],
    );
    // South of the equator summer is around the new year.
    check(
        "AEST-10AEDT,M10.1.0,M4.1.0/3",
        &[
            ("2026-12-31T23:59", 11),
            ("2027-01-01T00:00", 11),
            ("2026-04-04T15:59", 11),
            ("2026-04-04T16:00", 10),
            ("2026-10-03T15:59", 10),
            ("2026-10-03T16:00", 11),
        ],
    );
    // Times beyond a day, and before it (RFC 8536 §3.3.1).
    check(
        "IST-2IDT,M3.4.4/26,M10.5.0",
        &[("2026-03-26T23:59", 2), ("2026-03-27T00:00", 3), ("2026-10-24T23:00", 2)],
    );
    check("<-02>2<-01>,M3.5.0/-1,M10.5.0/0", &[("2026-03-29T00:59", -2), ("2026-03-29T01:00", -1)]);
    // Daylight saving time all year.
    check("ZZZ3EDT4,0/0,J365/23", &[("2026-01-01T00:00", -4), ("2026-12-31T23:59", -4)]);
    check("EST5EDT,J60,300", &[("2024-03-01T06:59", -5), ("2024-03-01T07:00", -4)]);
    check("EST5EDT,J60,300", &[("2023-03-01T06:59", -5), ("2023-03-01T07:00", -4)]);
}

#[test]
fn what_is_out_of_place_is_an_error() {
    let wrong = |bytes: &[u8]| ZoneFile::parse(bytes).unwrap_err().to_string();
    let good = file(&[(100, 1)], &[0, 3_600], "UTC0");
    assert!(ZoneFile::parse(&good).is_ok());
    for footer in [
        "U0",
        "UTC",
        "UTC25",
        "UTC0X",
        "UTC0UTD",
        "UTC0UTD,",
        "UTC0UTD,M13.1.0,M1.1.0",
        "UTC0UTD,M1.6.0,M1.1.0",
        "UTC0UTD,M1.1.7,M1.1.0",
        "UTC0UTD,J0,J5",
        "UTC0UTD,366,1",
        "UTC0UTD,1/168,2",
        "UTC0UTD,1,2,3",
        "<UTC0",
        ":Europe/Berlin",
        "UTC0000000000000",
    ] {
        let said = wrong(&file(&[], &[0], footer));
        assert_eq!(said, "this is no time zone file: its footer cannot be read", "{footer}");
    }
    let cases = [
        (file(&[(100, 2)], &[0, 1], ""), "a change leads nowhere"),
        (file(&[(100, 0), (100, 1)], &[0, 1], ""), "its changes are not in order"),
        (file(&[(200, 0), (100, 1)], &[0, 1], ""), "its changes are not in order"),
        (file(&[], &[], ""), "it has no local time"),
        (file(&[], &[100_000], ""), "it is too far from UTC"),
        (b"TZig".to_vec(), "it does not begin with TZif"),
        (b"TZif9000000000000000".to_vec(), "its version is not known"),
        (vec![0; ZONE_FILE_BYTES_MAX + 1], "it is too large"),
        (file(&[], &[0], &"x".repeat(1_000)), "its footer does not end"),
    ];
    for (bytes, want) in cases {
        assert_eq!(wrong(&bytes), format!("this is no time zone file: {want}"));
    }
    for len in 0..good.len() {
        assert!(ZoneFile::parse(&good[..len]).is_err(), "cut at {len}");
    }
}

/// Whatever a file says, nothing breaks, and nothing is asked for that it does not have.
#[test]
fn spoiled_files_are_read_or_refused() {
    let good = file(&[(100, 1), (200, 0)], &[0, 3_600], "CET-1CEST,M3.5.0,M10.5.0/3");
    for at in 0..good.len() {
        for value in [0, 1, b',', b'9', 0x7f, 0x80, 0xff] {
            let mut bytes = good.clone();
            bytes[at] = value;
            if let Ok(zone) = ZoneFile::parse(&bytes) {
                for moment in [i64::MIN, -1, 0, 150, 1_795_284_100, i64::MAX] {
                    assert!(OFFSETS.contains(&zone.offset(Timestamp(moment))));
                }
            }
        }
    }
}

/// The zones of this machine, where it has some, against what is known of them.
#[test]
fn zones_of_the_system() {
    let cases = [
        ("Europe/Berlin", "1945-06-01T00:00", 10_800),
        ("Europe/Berlin", "1970-01-01T00:00", 3_600),
        ("Europe/Berlin", "2026-07-01T00:00", 7_200),
        ("Europe/Berlin", "2090-07-01T00:00", 7_200),
        ("America/New_York", "2026-03-08T06:59", -18_000),
        ("America/New_York", "2026-03-08T07:00", -14_400),
        ("Asia/Kolkata", "2026-03-08T07:00", 19_800),
        ("Australia/Lord_Howe", "2026-07-01T00:00", 37_800),
        ("Australia/Lord_Howe", "2026-12-01T00:00", 39_600),
        ("Pacific/Apia", "2011-12-30T09:59", -36_000),
        ("Pacific/Apia", "2011-12-30T10:00", 50_400),
        ("UTC", "2026-07-01T00:00", 0),
    ];
    for (name, at, want) in cases {
        let Some(bytes) = system(name) else { continue };
        assert_eq!(ZoneFile::parse(&bytes).unwrap().offset(moment(at)), want, "{name} {at}");
    }
}

#[allow(clippy::disallowed_methods)]
fn system(name: &str) -> Option<Vec<u8>> {
    std::fs::read(format!("/usr/share/zoneinfo/{name}")).ok()
}
