//! Changed skeletons, packs and dictionaries are read or refused, and nothing else happens.

use frames::{
    BatchWriter, Dictionary, Encoder, FrameReader, Item, Kind, Pack, Place, Prelude, ReadMode,
    Salt, SegmentMarks, Skeleton, State, loose_skeleton, segment_start,
};
use message::parts::split;
use types::BlobId;

use crate::properties;

/// A small generator: the same numbers on every run.
struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn mutate(&mut self, bytes: &[u8], other: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(out.len());
            let from = self.below(other.len());
            match self.below(4) {
                0 if !out.is_empty() => out[at] ^= 1 << self.below(8),
                1 => out.truncate(at),
                2 => out = [&out[..at], &other[from..]].concat(),
                _ => drop(out.drain(at..(at + self.below(9)).min(out.len()))),
            }
        }
        out
    }
}

fn mail(n: usize) -> Vec<u8> {
    let words = "Ein Gruß an alle, die das lesen. ".repeat(n % 7 + 3);
    format!(
        "Subject: mail {n}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\
         Content-Transfer-Encoding: quoted-printable\r\n\r\n{}\r\n--b\r\n\
         Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n{}--b--\r\n",
        words.replace('ß', "=C3=9F"),
        "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0\r\n"
            .repeat(n % 5 + 40)
    )
    .into_bytes()
}

fn skeleton(n: usize) -> Skeleton {
    let bytes = mail(n);
    let mut skeleton = Skeleton { total_len: bytes.len() as u64, ..Skeleton::default() };
    for piece in split(&bytes).unwrap() {
        if skeleton.takes(&piece) {
            skeleton.push_text(piece.form, &piece.content);
        } else {
            let id = BlobId::of(&piece.content);
            skeleton.push_blob(piece.form, id, piece.content.len() as u64);
        }
    }
    skeleton
}

/// Payloads with the four bytes by which they are read behind them.
fn seeds() -> Vec<Vec<u8>> {
    let mut pack = Pack::default();
    let mut samples = Vec::new();
    let mut seeds = Vec::new();
    for n in 0..200 {
        let id = BlobId::of(&mail(n));
        let loose = loose_skeleton(id, &skeleton(n), None);
        samples.push((id, loose.body.clone()));
        let item = Item {
            kind: Kind::Skeleton,
            is_gone: false,
            raw_len: loose.raw_len,
            total_len: loose.total_len,
            id,
        };
        if n < 20 {
            pack.push(item, &loose.body);
            seeds.push([loose.body.as_slice(), &[3, 0, 0, 0]].concat());
        }
    }
    let dictionary = Dictionary::train(&samples).unwrap();
    let salt = Salt([7; 16]);
    let prelude = Prelude {
        segment: 1,
        salt,
        previous_end: 0,
        key: None,
        marks: SegmentMarks::default(),
        dictionary: dictionary.id(),
    };
    let start = segment_start(&prelude, None, &State::default(), Some(&dictionary));
    let place = Place { casing: salt.into(), offset: 0, prefix: start };
    let mut batch = BatchWriter::new(place, State::default());
    batch.pack(&pack, &mut Encoder::new(), None);
    let bytes = batch.commit().0;
    let len = bytes.len() as u64;
    let mut reader = FrameReader::new(&bytes, salt, len, ReadMode::Through);
    let mut at = frames::PRELUDE_BYTES as u64;
    while at < len {
        let frame = reader.frame(at).unwrap();
        let kind = match frame.header.kind {
            Kind::Pack => 1,
            Kind::Dictionary => 2,
            _ => 4,
        };
        let [low, high, ..] = frame.header.raw_len.to_le_bytes();
        seeds.push([frame.payload, &[kind, 1, low, high]].concat());
        at = frame.end();
    }
    seeds
}

#[test]
fn changed_contents_are_read_or_refused() {
    let seeds = seeds();
    let mut random = Xorshift(0x9e37_79b9_7f4a_7c15);
    for seed in &seeds {
        properties::check(seed);
    }
    for round in 0..4_000 {
        let (seed, other) = (&seeds[random.below(seeds.len())], &seeds[random.below(20)]);
        let changed = random.mutate(seed, other);
        // What is behind a checksum is reached with the seed's own last bytes too.
        let tail = seed.len().saturating_sub(4);
        for changed in [changed.clone(), [&changed[..], &seed[tail..]].concat()] {
            let result = std::panic::catch_unwind(|| properties::check(&changed));
            assert!(result.is_ok(), "round {round}");
        }
    }
}
