//! What holds for any bytes that stand where a skeleton, a pack or a dictionary should. The fuzz
//! target `frame_contents` runs this very function.

use frames::{
    Codec, Contents, Dictionary, Header, Kind, Skeleton, encode_skeleton, items, loose_skeleton,
};
use types::BlobId;

/// The last bytes say as what the others are read.
pub(crate) fn check(bytes: &[u8]) {
    let Some((payload, [kind, codec, low, high])) = bytes.split_last_chunk::<4>() else { return };
    let kinds = [Kind::Skeleton, Kind::Pack, Kind::Dictionary, Kind::Blob, Kind::Gone];
    let codecs = [Codec::Stored, Codec::Zstd, Codec::ZstdDictionary];
    let (Some(kind), Some(codec)) =
        (kinds.get(usize::from(*kind) % 5), codecs.get(usize::from(*codec) % 3))
    else {
        return;
    };
    let header = Header {
        kind: *kind,
        codec: *codec,
        is_sealed: false,
        batch: 1,
        payload_len: u32::try_from(payload.len()).unwrap_or(u32::MAX),
        raw_len: u32::from_le_bytes([*low, *high, 0, 0]),
        payload_crc: 0,
    };
    if *kind == Kind::Dictionary {
        if let Ok(dictionary) = Dictionary::decode(&header, payload) {
            let _ = frames::encode_again(payload, Some(&dictionary));
        }
        return;
    }
    if let Ok(contents) = Contents::open(&header, payload, None) {
        let told: Vec<_> = contents.iter().map(|it| *it.0).collect();
        assert_eq!(items(&header, payload), Ok(told), "the directory says what is there");
        for (item, body) in contents.iter() {
            assert!(item.is_gone || body.len() == item.raw_len as usize);
            check_skeleton(item.total_len, body);
        }
    }
    check_skeleton(u64::from(header.raw_len), payload);
}

/// What can be read as a skeleton can be written, and is the same when it is read again.
fn check_skeleton(total_len: u64, raw: &[u8]) {
    let Ok(skeleton) = Skeleton::from_bytes(total_len, raw) else { return };
    let id = BlobId::of(raw);
    let loose = loose_skeleton(id, &skeleton, None);
    assert_eq!(loose.parts, encode_skeleton(id, &skeleton, None).parts);
    if loose.is_loose {
        assert_eq!(Skeleton::from_bytes(total_len, &loose.body), Ok(skeleton));
    }
}
