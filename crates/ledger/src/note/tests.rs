use super::*;

/// The key and the note that Go's package for notes has in its documentation.
const PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PRIVATE: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdng\
    otpRZb6KE6RyyBwJnAM=\n";

fn signer() -> Signer {
    Signer::parse(&Secret::new(PRIVATE.into())).unwrap()
}

#[test]
fn notes_and_keys_are_those_of_other_tools() {
    let signer = signer();
    assert_eq!(signer.verifier().to_string(), PUBLIC);
    assert_eq!(signer.declassify().declassify(), PRIVATE);
    let (text, _) = NOTE.rsplit_once("\n\n").unwrap();
    assert_eq!(signer.sign(&format!("{text}\n")), NOTE);
    let opened = open(NOTE, &[PUBLIC.parse().unwrap()]).unwrap();
    assert_eq!(opened, Opened { text: &format!("{text}\n"), by: 0 });
    assert_eq!(format!("{signer:?}"), "Signer(PeterNeumann+c74f20a3)");

    let other = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
    let note = "This is an example message.\n\n\
        — example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3\
        mFXmRKuwHjG1Yu72IneyaQM=\n";
    assert_eq!(open(note, &[PUBLIC.parse().unwrap(), other.parse().unwrap()]).unwrap().by, 1);
}

#[test]
fn unknown_signatures_are_passed_over_and_wrong_ones_refuse() {
    let known = [PUBLIC.parse().unwrap()];
    let stranger = Signer::new("somebody.example/x", [7; 32]).unwrap();
    let text = "a text\n\nof two paragraphs\n";
    let both =
        format!("{}{}", stranger.sign(text), signer().sign(text).rsplit_once("\n\n").unwrap().1);
    assert_eq!(open(&both, &known).unwrap(), Opened { text, by: 0 });
    assert_eq!(kind(&stranger.sign(text), &known), NoteErrorKind::UnknownKey);
    assert_eq!(kind(&both.replace("a text", "A text"), &known), NoteErrorKind::WrongSignature);
    // The name alone is not the key.
    let same_name = Signer::new("PeterNeumann", [7; 32]).unwrap();
    assert_eq!(kind(&same_name.sign(text), &known), NoteErrorKind::UnknownKey);
}

fn kind(note: &str, known: &[Verifier]) -> NoteErrorKind {
    open(note, known).unwrap_err().kind()
}

#[test]
fn every_changed_byte_is_refused() {
    let known = [PUBLIC.parse().unwrap()];
    for at in 0..NOTE.len() {
        for flip in [1, 0x20] {
            let mut bytes = NOTE.as_bytes().to_vec();
            bytes[at] ^= flip;
            if let Ok(note) = std::str::from_utf8(&bytes) {
                assert!(open(note, &known).is_err(), "byte {at}");
            }
        }
        if let Some(cut) = NOTE.get(..at) {
            assert!(open(cut, &known).is_err(), "cut at {at}");
        }
    }
}

#[test]
fn what_is_no_note_and_no_key_is_refused() {
    let known = [PUBLIC.parse().unwrap()];
    let many = format!("x\n\n{}", "— a AAAAAAAA\n".repeat(SIGNATURES_MAX + 1));
    let long = format!("{}\n\n— a AAAAAAAA\n", "x".repeat(NOTE_BYTES_MAX));
    for note in ["", "\n\n", "x\n", "x\n\n", "x\n\ny\n", "x\n\n— a\n", "x\ty\n\n— a AAAAAAAA\n"]
    {
        assert_eq!(kind(note, &known), NoteErrorKind::Malformed, "{note:?}");
    }
    assert_eq!(kind(&many, &known), NoteErrorKind::Malformed);
    assert_eq!(kind(&long, &known), NoteErrorKind::Malformed);
    for key in [
        "",
        "a",
        "a+b+c",
        PUBLIC.trim_start_matches('P'),
        &PUBLIC.replace("c74f", "C74e"),
        "+c74f20a3+AA==",
    ] {
        assert!(key.parse::<Verifier>().is_err(), "{key}");
        assert!(Signer::parse(&Secret::new(key.into())).is_err(), "{key}");
    }
    for name in ["", "a b", "a+b", "a\nb"] {
        assert!(Signer::new(name, [1; 32]).is_err(), "{name:?}");
    }
}
